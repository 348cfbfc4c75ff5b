-- Keeps updated_at honest whoever writes: the application, psql or the next service.
create function set_updated_at() returns trigger
language plpgsql
as $$
begin
  new.updated_at := now();
  return new;
end;
$$;
--> statement-breakpoint
-- `when` leaves a row alone that an update did not change.
create trigger customers_set_updated_at
before update on customers
for each row when (old.* is distinct from new.*)
execute function set_updated_at();
--> statement-breakpoint
create trigger products_set_updated_at
before update on products
for each row when (old.* is distinct from new.*)
execute function set_updated_at();
--> statement-breakpoint
create trigger orders_set_updated_at
before update on orders
for each row when (old.* is distinct from new.*)
execute function set_updated_at();
--> statement-breakpoint
create trigger shipments_set_updated_at
before update on shipments
for each row when (old.* is distinct from new.*)
execute function set_updated_at();
