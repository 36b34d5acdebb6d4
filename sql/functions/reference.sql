-- oncebox.reference(notification_id) -> the name by which a provider's record of it is recognised
--
-- The same on every attempt: Mobizon's campaign name, the local part of the email's Message-ID.
create or replace function oncebox.reference(notification_id bigint)
returns text
language sql
stable
as $$
  select 'oncebox-' || left(s.installation_id::text, 8) || '-' || notification_id
    from oncebox.setting as s;
$$;
