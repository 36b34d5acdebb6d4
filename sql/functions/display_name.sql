-- oncebox.display_name(raw, max_length) -> the name as it may stand in a message, or null
--
-- A form lets strangers write the name, and the message goes out under our sender: a name
-- such as "win at evil.example" would make us the phisher. So a name is plain words or it is
-- null, and then the default of the template stands there ({{name|friend}}).
--
-- Returns  null for nothing, for no letter at all, and for what looks like a link or a domain
--          ("J.Smith" without a space does too; that costs one greeting), an address, five
--          digits in a row, markup, template syntax or a formula. Full-width and other
--          look-alike forms of these are seen through; the name itself is only cleaned.
--          A longer name is cut at a space if one is near, never between a letter and its
--          marks, and without an ellipsis: it would make a Latin SMS UCS-2, at half the length.
create or replace function oncebox.display_name(raw text, max_length integer default 40)
returns text
language plpgsql
immutable
parallel safe
as $$
declare
  -- Marks that belong to the letter before them, and skin tones.
  c_mark constant text :=
    '\u0300-\u036F\u0483-\u0489\u0591-\u05C7\u0610-\u061A\u064B-\u065F\u0E31\u0E34-\u0E3A\u0E47-\u0E4E'
    '\u1AB0-\u1AFF\u1DC0-\u1DFF\u20D0-\u20FF\uFE0F\uFE20-\uFE2F\U0001F3FB-\U0001F3FF';
  v_name  text := oncebox.clean_text(left(raw, 1000));
  v_seen  text;
  v_cut   text;
  v_space integer;
begin
  -- The usual name: words of letters, with apostrophes and hyphens.
  if v_name ~ '^[A-Za-z\u00C0-\u024F\u0400-\u0482\u048A-\u052F'' \u2019-]+$'
  and v_name ~ '^[^ ''\u2019-]'
  and length(v_name) <= max_length then
    return v_name;
  end if;

  v_seen := lower(normalize(v_name, nfkc) collate "C");
  if v_seen is null
  -- No letter.
  or v_seen !~ '[a-z\u00AA-\u1FFF\u2C00-\uD7FF\uF900-\uFDFF\U00010000-\U0001EFFF\U00020000-\U0003FFFF]'
  -- Markup, template syntax, escapes, a formula, an address; a letter that was lost on the way.
  or v_seen ~ '[][<>{}$%=@\\|`\uFFFD]|^[+-]|&#?[a-z0-9]+;'
  -- A scheme, a path.
  or v_seen ~ '//|[a-z]{2}:[^ ]'
  -- A domain: letters of any script around a dot. Not "И.Петров" (one letter before the dot),
  -- unless a Cyrillic top-level domain follows. The ideographic dot is one to a browser.
  or v_seen ~ '[^ .,]{2}[.\u3002][^ .,]{2}|[a-z0-9][.\u3002][a-z]{2}|[ (][.\u3002][a-z]{2}|[0-9][.\u3002][0-9]'
  or v_seen ~ '[.\u3002](рф|РФ|қаз|ҚАЗ|бел|БЕЛ|укр|УКР|рус|РУС)([^\u0400-\u052F]|$)'
  -- A telephone number, a code to call back: five digits with nothing but separators between.
  or v_seen ~ '([0-9\u0660-\u0669\u06F0-\u06F9\u0966-\u096F\u09E6-\u09EF][ ().,/+\u2010-\u2015-]*){5}' then
    return null;
  end if;

  if length(v_name) <= max_length then
    return v_name;
  end if;

  v_cut := left(v_name, greatest(max_length, 0));
  if substr(v_name, max_length + 1, 1) <> ' ' then
    if substr(v_name, max_length + 1, 1) ~ ('[' || c_mark || ']') then
      v_cut := regexp_replace(v_cut, '.[' || c_mark || ']*$', '');
    end if;
    -- A word is kept whole if that leaves more than half.
    v_space := length(v_cut) - strpos(reverse(v_cut), ' ') + 1;
    if v_space between max_length / 2 + 1 and length(v_cut) then
      v_cut := left(v_cut, v_space);
    end if;
  end if;
  return nullif(rtrim(v_cut, ' -,('), '');
end;
$$;
