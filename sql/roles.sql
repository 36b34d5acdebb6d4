-- The roles of oncebox, and what each may do in this database. Idempotent; in one transaction.
--
--   oncebox_owner     owns schema oncebox; what callers may not do themselves runs with its rights
--   oncebox_writer    registers leads, and nothing else
--   oncebox_worker    runs oncebox worker
--   oncebox_reader    reads the masked views, and nothing else
--   oncebox_operator  reads them, finds a person's leads, and acts on notifications
--   oncebox_server    lets people and programs in: runs oncebox serve, as writer and operator, too
--
-- None can log in: grant oncebox_worker to somebody who can. Once applied, every migrate applies it
-- again, so that what is new has its rights from the start.
--
-- Locks    the first time ACCESS EXCLUSIVE for a moment on each table, to give it to its owner and to
--          let the owner through row level security; later none.
-- Needs    a superuser, or a role that may create roles, owns what oncebox migrate made, and owns
--          public.landing_leads.

do $$
declare
  v_role text;
begin
  foreach v_role in array '{oncebox_owner,oncebox_writer,oncebox_worker,oncebox_reader,oncebox_operator,oncebox_server}'::text[] loop
    begin
      if not exists (select from pg_roles as r where r.rolname = v_role) then
        execute format('create role %I nologin', v_role);
      end if;
    exception
      -- Another database of this cluster did it just now.
      when duplicate_object or unique_violation then
        null;
    end;
  end loop;
  -- Who migrates goes on being able to.
  if not pg_has_role(current_user, 'oncebox_owner', 'usage') then
    execute format('grant oncebox_owner to %I', current_user);
  end if;
end
$$;

-- One owner, who is no superuser and owns nothing else.
do $$
declare
  v_change text;
begin
  for v_change in
    select 'alter schema oncebox owner to oncebox_owner'
      from pg_namespace as s
     where s.nspname = 'oncebox'
       and s.nspowner <> 'oncebox_owner'::regrole
    union all
    select format('alter table %s owner to oncebox_owner', c.oid::regclass)
      from pg_class as c
     where c.relnamespace = 'oncebox'::regnamespace
       and c.relkind in ('r', 'v')
       and c.relowner <> 'oncebox_owner'::regrole
    union all
    select format('alter function %s owner to oncebox_owner', p.oid::regprocedure)
      from pg_proc as p
     where p.pronamespace = 'oncebox'::regnamespace
       and p.proowner <> 'oncebox_owner'::regrole
  loop
    execute v_change;
  end loop;
end
$$;

-- What the owner needs outside of its schema, and the worker for its jobs. graphile-worker's tables
-- have row level security without a policy: only their own owner would see a row.
grant usage on schema public to oncebox_owner;
grant select, insert, update, references on public.landing_leads to oncebox_owner;
grant usage on schema graphile_worker to oncebox_owner, oncebox_worker;
grant select, insert, update, delete
   on graphile_worker._private_jobs, graphile_worker._private_job_queues,
      graphile_worker._private_tasks, graphile_worker._private_known_crontabs
   to oncebox_owner, oncebox_worker;
grant select on graphile_worker.migrations to oncebox_worker;
grant execute on all functions in schema graphile_worker to oncebox_owner, oncebox_worker;
do $$
declare
  v_change text;
begin
  for v_change in
    select format('create policy oncebox on %s to %s using (true) with check (true)', t.name, t.roles)
      from (values
        ('public.landing_leads',                 'oncebox_owner'),
        ('graphile_worker._private_jobs',           'oncebox_owner, oncebox_worker'),
        ('graphile_worker._private_job_queues',     'oncebox_owner, oncebox_worker'),
        ('graphile_worker._private_tasks',          'oncebox_owner, oncebox_worker'),
        ('graphile_worker._private_known_crontabs', 'oncebox_owner, oncebox_worker')) as t (name, roles)
     where not exists (
       select
         from pg_policy as p
        where p.polrelid = t.name::regclass
          and p.polname = 'oncebox')
    union all
    -- A column of yours that is numbered by a sequence.
    select format('grant usage on sequence %s to oncebox_owner', d.objid::regclass)
      from pg_depend as d
      join pg_class as c
        on c.oid = d.objid
       and c.relkind = 'S'
     where d.classid = 'pg_class'::regclass
       and d.refobjid = 'public.landing_leads'::regclass
       and d.deptype = 'a'
  loop
    execute v_change;
  end loop;
end
$$;

-- From nothing, so that what was granted by hand does not stay.
do $$
declare
  v_role text;
begin
  for v_role in
    select 'public'
    union all
    select r.rolname
      from pg_roles as r
     where r.rolname in ('oncebox_writer', 'oncebox_worker', 'oncebox_reader', 'oncebox_operator', 'oncebox_server',
                         -- Supabase's, for the browser.
                         'anon', 'authenticated')
  loop
    execute format('revoke all on schema oncebox from %s', v_role);
    execute format('revoke all on all tables in schema oncebox from %s', v_role);
    execute format('revoke all on all sequences in schema oncebox from %s', v_role);
    execute format('revoke all on all functions in schema oncebox from %s', v_role);
  end loop;
end
$$;
alter default privileges for role oncebox_owner revoke execute on functions from public;

grant usage on schema oncebox to oncebox_writer, oncebox_worker, oncebox_reader, oncebox_operator, oncebox_server;

-- These run with their owner's rights. Their search_path is pinned, so that nobody puts a function or
-- an operator of their own in the way.
alter function oncebox.register_lead  security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.register_leads security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.claim          security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.claim_each     security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.keep_draft_each security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.settle_each    security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.keep_draft     security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.settle         security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.release        security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.ring           security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.sweep          security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.take_lookups   security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.reconcile      security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.take_discards  security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.discarded      security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.take_deliveries security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.note_deliveries security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.take_balance   security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.note_balance   security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.take_webhook   security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.wake           security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.trace_of       security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.next_due_in    security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.prune          security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.prunable       security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.erase_lead     security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.cancel         security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.retry          security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.resolve        security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.hold           security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.resume         security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.adopt_leads    security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.adoptable_leads security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.leads_of       security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.make_token     security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.revoke_token   security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.reveal         security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.save_template  security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.use_token      security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.open_session   security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.use_session    security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.check_session  security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.close_session  security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.note_act       security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.over_limit     security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.lead_problems  security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.find_leads     security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.reopen_channel security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.send_test      security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.preview_text   security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.masked_lead    security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.job_counts     security definer set search_path = pg_catalog, oncebox, pg_temp;
alter function oncebox.reference      security definer set search_path = pg_catalog, oncebox, pg_temp;

grant execute on function oncebox.register_lead, oncebox.register_leads to oncebox_writer;

grant execute on function oncebox.claim, oncebox.claim_each, oncebox.keep_draft, oncebox.keep_draft_each, oncebox.settle, oncebox.settle_each, oncebox.release, oncebox.ring,
  oncebox.sweep, oncebox.take_lookups, oncebox.reconcile, oncebox.take_discards, oncebox.discarded,
  oncebox.take_deliveries, oncebox.note_deliveries, oncebox.take_balance, oncebox.note_balance,
  oncebox.wake, oncebox.next_due_in, oncebox.trace_of,
  oncebox.prune, oncebox.prunable to oncebox_worker;
grant select on oncebox.migration, oncebox.setting to oncebox_worker, oncebox_operator;
grant update (delay) on oncebox.setting to oncebox_worker, oncebox_server;
-- Its own row: it signs on, names its jobs, signs off.
grant select (id, job_workers), insert (id, lock_key, pid, version), update (job_workers, stopped_at)
  on oncebox.worker to oncebox_worker;

grant execute on function oncebox.cancel, oncebox.retry, oncebox.resolve, oncebox.hold, oncebox.resume,
  oncebox.leads_of, oncebox.erase_lead, oncebox.adoptable_leads, oncebox.adopt_leads, oncebox.parse_since, oncebox.parse_time,
  oncebox.reveal, oncebox.save_template, oncebox.make_token, oncebox.revoke_token,
  oncebox.find_leads, oncebox.reopen_channel, oncebox.send_test, oncebox.preview_text
  to oncebox_operator;

grant execute on function oncebox.use_token, oncebox.open_session, oncebox.use_session, oncebox.check_session,
  oncebox.close_session, oncebox.note_act, oncebox.over_limit, oncebox.lead_problems, oncebox.take_webhook
  to oncebox_server;

grant select on oncebox.acts, oncebox.attempts, oncebox.broken_rules, oncebox.claims, oncebox.deliveries, oncebox.guard, oncebox.health,
  oncebox.jobs, oncebox.last_hour, oncebox.lead_history, oncebox.leads, oncebox.lookups,
  oncebox.next_hour, oncebox.notifications, oncebox.prevented, oncebox.pulse, oncebox.queue,
  oncebox.sends_per_day, oncebox.sends_per_hour, oncebox.sms_cost, oncebox.templates, oncebox.tokens, oncebox.undelivered,
  oncebox.workers to oncebox_reader, oncebox_operator;
-- What the views call: a view lends its owner's rights to its tables, not to its functions.
grant execute on function oncebox.mask_phone, oncebox.mask_email, oncebox.masked_lead, oncebox.reference, oncebox.epoch,
  oncebox.job_counts, oncebox.locks_of_workers, oncebox.sms_segments to oncebox_reader, oncebox_operator;
-- For its own metrics.
grant select on oncebox.pulse, oncebox.queue to oncebox_worker;
grant execute on function oncebox.locks_of_workers to oncebox_worker;
