-- oncebox.sms_segments(body) -> how many SMS the text is sent and paid as; null for null
--
-- In GSM-7, where every character is in its alphabet: 160 in one, 153 each in more; ^ { } \ [ ~ ] | and
-- the euro count twice. In UCS-2 otherwise, as all Cyrillic is: 70 and 67; what lies beyond the
-- basic plane, as emoji do, counts twice. What counts twice is not cut in two: at the end of a part it
-- moves to the next as a whole.
create or replace function oncebox.sms_segments(body text)
returns integer
language plpgsql
immutable
parallel safe
as $$
declare
  v_is_gsm7 boolean;
  v_alone   integer;
  v_joined  integer;
  v_doubles integer;
  v_units   integer;
  v_char    text;
  v_unit    integer;
  v_filled  integer := 0;
  v_parts   integer := 1;
begin
  if body is null then
    return null;
  end if;
  v_is_gsm7 := body !~ '[^\n\f\r -?@A-Z[\\\]^_a-z{|}~¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΓΔΘΛΞΠΣΦΨΩ€]';
  if v_is_gsm7 then
    v_alone := 160;
    v_joined := 153;
    v_doubles := regexp_count(body, '[\f[\\\]^{|}~€]');
  else
    v_alone := 70;
    v_joined := 67;
    v_doubles := regexp_count(body, '[\U00010000-\U0010FFFF]');
  end if;
  v_units := length(body) + v_doubles;
  if v_units <= v_alone then
    return 1;
  end if;
  if v_doubles = 0 then
    return ceil(v_units::numeric / v_joined)::integer;
  end if;
  -- Only now it matters where in the text they stand.
  foreach v_char in array string_to_array(body, null) loop
    v_unit := case
                when v_is_gsm7 then 1 + (position(v_char in E'^{}\\[~]|€\f') > 0)::integer
                else 1 + (v_char ~ '[\U00010000-\U0010FFFF]')::integer
              end;
    if v_filled + v_unit > v_joined then
      v_parts := v_parts + 1;
      v_filled := 0;
    end if;
    v_filled := v_filled + v_unit;
  end loop;
  return v_parts;
end
$$;
