CREATE TABLE "countries" (
	"code" char(2) NOT NULL,
	"name" text NOT NULL,
	"currency_code" char(3) NOT NULL,
	CONSTRAINT "countries_pkey" PRIMARY KEY("code"),
	CONSTRAINT "countries_code_check" CHECK ("countries"."code" ~ '^[A-Z]{2}$')
);
--> statement-breakpoint
CREATE TABLE "currencies" (
	"code" char(3) NOT NULL,
	"name" text NOT NULL,
	"minor_units" smallint NOT NULL,
	CONSTRAINT "currencies_pkey" PRIMARY KEY("code"),
	CONSTRAINT "currencies_code_check" CHECK ("currencies"."code" ~ '^[A-Z]{3}$'),
	CONSTRAINT "currencies_minor_units_check" CHECK ("currencies"."minor_units" between 0 and 4)
);
--> statement-breakpoint
CREATE TABLE "customers" (
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"name" text NOT NULL,
	"email" text NOT NULL,
	"country_code" char(2) NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "customers_pkey" PRIMARY KEY("id"),
	CONSTRAINT "customers_email_key" UNIQUE("email"),
	CONSTRAINT "customers_email_check" CHECK ("customers"."email" = lower("customers"."email") and "customers"."email" like '%_@_%')
);
--> statement-breakpoint
ALTER TABLE "countries" ADD CONSTRAINT "countries_currency_code_fkey" FOREIGN KEY ("currency_code") REFERENCES "public"."currencies"("code") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "customers" ADD CONSTRAINT "customers_country_code_fkey" FOREIGN KEY ("country_code") REFERENCES "public"."countries"("code") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "countries_currency_code_idx" ON "countries" USING btree ("currency_code");--> statement-breakpoint
CREATE INDEX "customers_country_code_idx" ON "customers" USING btree ("country_code");