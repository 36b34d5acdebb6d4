-- oncebox.input_problem(field, problem, raw) -> the refusal of a phone or an email, in words
--
-- problem is what parse_phone or parse_email found. What was got is shown by its length only:
-- it is a person's, and error texts end up in logs.
create or replace function oncebox.input_problem(field text, problem text, raw text)
returns jsonb
language sql
immutable
parallel safe
as $$
  select oncebox.lead_problem(
           field,
           format('%s %s: got %s characters, wanted %s', known.field, known.what, length(raw),
                  case known.field
                    when 'phone' then 'one mobile number such as +7 777 123 45 67'
                    else 'one plain address such as name@example.kz'
                  end),
           known.hint)
    from (values
      ('phone', 'empty',                'is empty',                            'Leave it out, or give a number.'),
      ('phone', 'too_short',            'is too short',                        'Look for missing digits.'),
      ('phone', 'too_long',             'is too long',                         'Look for a digit too many, or a second number.'),
      ('phone', 'two_numbers',          'holds more than one number',          'Choose one; one lead gets one SMS.'),
      ('phone', 'extension',            'has an extension',                    'No SMS reaches an extension; give a mobile number.'),
      ('phone', 'bad_characters',       'has characters that no number has',   'Digits 0-9, spaces, one + in front, and - ( ) . are taken; look for a letter or an invisible mark.'),
      ('phone', 'unknown_country',      'belongs to no country',               'Write numbers from outside Kazakhstan and Russia with + and their country''s code.'),
      ('phone', 'not_mobile',           'cannot get an SMS',                   'Give a mobile number; this is a landline or a service number.'),
      ('phone', 'country_not_accepted', 'is of a country that is not accepted', 'Countries are allowed in oncebox.phone_plan.'),
      ('email', 'empty',                'is empty',                            'Leave it out, or give an address.'),
      ('email', 'too_long',             'is too long',                         'An address has at most 254 characters, 64 of them before the @.'),
      ('email', 'two_addresses',        'holds more than one address',         'Choose one; one lead gets one email.'),
      ('email', 'no_at',                'has no @',                            'Look for what is missing.'),
      ('email', 'bad_characters',       'has characters that no plain address has', 'Give the bare address, without name, quotes, brackets, commas or line breaks.'),
      ('email', 'bad_local_part',       'is wrong before the @',               'Look for a dot at its end or two in a row.'),
      ('email', 'bad_domain',           'is wrong after the @',                'Give a domain such as example.kz.')
    ) as known (field, problem, what, hint)
   where known.field = input_problem.field
     and known.problem = input_problem.problem;
$$;
