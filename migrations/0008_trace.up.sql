-- 0008_trace: the trace in which a lead was registered, so that its sends can be found from it.
--
-- Locks    ACCESS EXCLUSIVE on oncebox.registration for a moment: the column is null, and its check is
--          not valid, so nothing is rewritten or scanned.
-- Workers  keep working: they do not read it.

alter table oncebox.registration
  add column traceparent text,
  -- Nothing but hexadecimal digits, whatever a caller sets: it comes from a request's header.
  add constraint registration_traceparent_is_w3c check (
    traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$') not valid;
comment on column oncebox.registration.traceparent is 'W3C trace context of the registration, from the setting oncebox.traceparent of its transaction; null = it was in none.';
