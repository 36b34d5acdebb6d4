-- oncebox.first_delivery_look(channel, message_id) -> when to ask first how far a message got that the
-- provider just took; null where nobody can be asked
--
-- At once when a webhook about it came before we knew that it is ours.
create or replace function oncebox.first_delivery_look(channel text, message_id text)
returns timestamptz
language sql
volatile
as $$
  select case
           when exists (
             select
               from oncebox.webhook_event as w
              where w.message_id = first_delivery_look.message_id)
           then clock_timestamp()
           else oncebox.next_delivery_look(clock_timestamp())
         end
   where channel = 'sms'
     and message_id is not null;
$$;
