-- 0008_trace: takes the trace of registrations away.
--
-- Locks    ACCESS EXCLUSIVE on oncebox.registration for a moment.
-- Workers  keep sending; nothing can be registered until the functions are replaced.
-- Refuses  nothing: traces are kept elsewhere, and nothing that is sent depends on them.

alter table oncebox.registration drop column traceparent;
