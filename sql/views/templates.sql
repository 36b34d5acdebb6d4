-- oncebox.templates: the texts.
create or replace view oncebox.templates as
select t.kind,
       t.channel,
       t.subject,
       t.body,
       t.variables,
       t.created_at,
       t.updated_at
  from oncebox.template as t;
comment on view oncebox.templates is 'The texts, as people wrote them. No person''s data.';
comment on column oncebox.templates.subject is 'Of emails only.';
comment on column oncebox.templates.body is '{{name}} is replaced by the lead''s name, {{other}} by the registration''s data.';
comment on column oncebox.templates.variables is 'Those without a default: registration wants them.';
comment on column oncebox.templates.updated_at is 'Later than created_at once a person has edited it.';
