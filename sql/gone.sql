-- What earlier versions had and nothing calls any more; in the transaction that replaced its callers.
drop function if exists oncebox.claimed(bigint);
drop function if exists oncebox.take_flag(uuid, text);
