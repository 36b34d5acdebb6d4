-- 0008_delivery_look: the SMS that are followed to the phone, by the provider's own id.
--
-- Locks    SHARE UPDATE EXCLUSIVE on oncebox.notification while it is built: nobody who writes waits.
-- Workers  keep working.
create index concurrently notification_delivery_look
    on oncebox.notification ((coalesce(message_id, provider_ref)), delivery_look_at)
 where delivery_look_at is not null;
comment on index oncebox.notification_delivery_look is 'Whose provider is to be asked how far it got (deliveries), and whom a webhook is about.';
