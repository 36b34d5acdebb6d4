-- oncebox.parse_since(raw) -> the instant that a person means by it, or null when it is none
--
-- An interval as Postgres reads it counts back from now ("2 days", "24h"); anything else is a time as
-- parse_time takes it. Null also for an interval that is negative, or longer than a century.
create or replace function oncebox.parse_since(raw text)
returns timestamptz
language plpgsql
stable
as $$
declare
  v_ago interval;
begin
  v_ago := raw::interval;
  return case when v_ago between '0' and '100 years' then now() - v_ago end;
exception
  when data_exception then
    return oncebox.parse_time(raw);
end
$$;
