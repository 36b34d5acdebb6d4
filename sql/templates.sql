-- The texts of the ProfTest kind. Only what is missing is added: rows that people edited stay as they are.
insert into oncebox.template (kind, channel, subject, body)
values
  ('proftest', 'sms', null,
   '{{name|Здравствуйте}}, ваш результат ProfTest готов: {{result_url|смотрите в письме}}'),
  ('proftest', 'email', '{{name|Здравствуйте}}, ваш результат ProfTest готов',
   E'{{name|Здравствуйте}}!\n\n'
   'Спасибо, что прошли тест на профориентацию ProfTest. Ваш результат готов:\n'
   '{{result_url|наш специалист свяжется с вами и расскажет о нём}}\n\n'
   'Если вы не проходили этот тест, просто удалите это письмо.\n\n'
   'Команда ProfTest\n')
on conflict (kind, channel) do nothing;
