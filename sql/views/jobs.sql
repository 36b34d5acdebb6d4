-- oncebox.jobs: graphile-worker's jobs of ours, one row. A job is only a wake-up: none of it is lost.
create or replace view oncebox.jobs as
select c.jobs,
       c.due,
       c.oldest_due_at,
       c.taken,
       c.taken_by_nobody,
       c.failed_for_good,
       c.due_without_job
  from oncebox.job_counts() as c;
comment on view oncebox.jobs is 'One row: graphile-worker''s jobs of ours. A job is only a wake-up: deleting one loses nothing. No person''s data.';
comment on column oncebox.jobs.jobs is 'All there are; one for each pending notification, and what runs now.';
comment on column oncebox.jobs.due is 'Could run now, and wait for a worker.';
comment on column oncebox.jobs.oldest_due_at is 'Of those that are due.';
comment on column oncebox.jobs.taken is 'Run now, or were taken by a worker that died.';
comment on column oncebox.jobs.taken_by_nobody is 'Of those taken: by none of the workers that are alive. The next sweep frees them.';
comment on column oncebox.jobs.failed_for_good is 'Given up by graphile-worker after all their tries.';
comment on column oncebox.jobs.due_without_job is 'Pending notifications that are due for over a minute and have no job; the next sweep gives them one.';
