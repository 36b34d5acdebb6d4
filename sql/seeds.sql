-- What has to be there from the start. Only what is missing is added: rows that people edited stay as
-- they are.

-- The texts of the ProfTest kind.
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

-- The tasks' names: the first job of a task inserts its name, and until that transaction commits
-- every other registration would wait for it.
insert into graphile_worker._private_tasks (identifier)
values ('oncebox_sms'), ('oncebox_email')
on conflict do nothing;

-- Which database this is, where there is something to lose already.
select oncebox.remember_epoch()
 where exists (select from oncebox.notification);
