-- No function of ours is for everybody: a new one begins executable by PUBLIC, so this runs in the
-- transaction that made it.
revoke execute on all functions in schema oncebox from public;
