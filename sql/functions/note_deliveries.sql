-- oncebox.note_deliveries(reports) -> those that got further: a row each
--
-- Writes down what the provider told of messages that take_deliveries handed out.
--
-- reports  an array of {"id", "delivery", "detail", "segments", "price"}; all but the id may be missing:
--          one of which the provider told nothing was asked in vain, and is asked again.
-- Moves    no state: an SMS that was sent stays sent, however it ends. Its delivery moves forward only,
--          by oncebox.delivery_rank.
-- Ends     the following, where the provider's last word is there with its price, or a day has passed
--          without one; when it was declined; after three days. Otherwise see next_delivery_look.
-- Locks    the rows until commit, in the order of their ids.
create or replace function oncebox.note_deliveries(reports jsonb)
returns table (
  notification_id bigint,
  lead_id         uuid,
  delivery        text
)
language plpgsql
as $$
#variable_conflict use_column
begin
  perform
     from oncebox.notification as n
    where n.id in (select (r ->> 'id')::bigint from jsonb_array_elements(reports) as r)
    order by n.id
      for update;

  update oncebox.channel as c
     set segment_price = p.price
    from (select max(r.price) as price
            from jsonb_to_recordset(reports) as r (price numeric)) as p
   where c.channel = 'sms'
     and c.segment_price is distinct from p.price
     and p.price is not null;

  return query
  with report as (
    select r.id, r.delivery, left(r.detail, 2000) as detail, r.segments,
           coalesce(oncebox.delivery_rank(r.delivery) > coalesce(oncebox.delivery_rank(n.delivery), -1), false) as is_further,
           -- What is known now, or was before.
           coalesce(round(r.price * coalesce(r.segments, n.segments), 4), n.cost) as cost,
           coalesce(greatest(oncebox.delivery_rank(r.delivery), oncebox.delivery_rank(n.delivery)) = 5, false) as is_final,
           'DECLINED' in (n.delivery, r.delivery) as is_free
      from jsonb_to_recordset(reports) as r (id bigint, delivery text, detail text, segments integer, price numeric)
      join oncebox.notification as n
        on n.id = r.id
  ), noted as (
    update oncebox.notification as n
       set delivery        = case when r.is_further then r.delivery else n.delivery end,
           delivery_at     = case when r.is_further then clock_timestamp() else n.delivery_at end,
           -- Of one whose person was erased meanwhile only what names nobody is kept.
           delivery_detail = case when r.is_further and n.erased_at is null then r.detail else n.delivery_detail end,
           delivery_checks = n.delivery_checks + 1,
           segments        = coalesce(r.segments, n.segments),
           cost            = r.cost,
           delivery_look_at = case
             when n.state <> 'sent' then null
             when r.is_final and (r.cost is not null or r.is_free or n.settled_at < clock_timestamp() - interval '1 day') then null
             else oncebox.next_delivery_look(n.settled_at)
           end
      from report as r
     where n.id = r.id
    returning n.id, n.lead_id, n.delivery, r.is_further
  )
  select d.id, d.lead_id, d.delivery
    from noted as d
   where d.is_further;
end
$$;
