-- The databases and roles of a platform. For psql, as superuser, again and again: what is there stays, passwords are set anew.
-- Each password comes from the environment: VISITS_OWNER_PASSWORD, VISITS_PASSWORD, VISITS_ALL_PASSWORD, EVALUATIONS_…, KEYS_OWNER_PASSWORD.
--   <service>_owner   makes the tables, at migration only
--   <service>         the service at work: row-level security, one office at a time
--   <service>_all     relay, rebuild and day loop: reads all offices
--   keys_owner        makes the tables of the keys; each service then reads there what it was granted
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;

select format('create role %I login noinherit nosuperuser nocreatedb nocreaterole nobypassrls', role)
from unnest(array['visits', 'evaluations', 'referrals', 'notifications']) as service,
     lateral unnest(array[service || '_owner', service, service || '_all']) as role
where not exists (select from pg_roles where rolname = role)
union all
select 'create role keys_owner login noinherit nosuperuser nocreatedb nocreaterole nobypassrls'
where not exists (select from pg_roles where rolname = 'keys_owner')
\gexec

\getenv visits_owner VISITS_OWNER_PASSWORD
\getenv visits VISITS_PASSWORD
\getenv visits_all VISITS_ALL_PASSWORD
\getenv evaluations_owner EVALUATIONS_OWNER_PASSWORD
\getenv evaluations EVALUATIONS_PASSWORD
\getenv evaluations_all EVALUATIONS_ALL_PASSWORD
\getenv referrals_owner REFERRALS_OWNER_PASSWORD
\getenv referrals REFERRALS_PASSWORD
\getenv referrals_all REFERRALS_ALL_PASSWORD
\getenv notifications_owner NOTIFICATIONS_OWNER_PASSWORD
\getenv notifications NOTIFICATIONS_PASSWORD
\getenv notifications_all NOTIFICATIONS_ALL_PASSWORD
\getenv keys_owner KEYS_OWNER_PASSWORD
alter role visits_owner password :'visits_owner';
alter role visits password :'visits';
alter role visits_all password :'visits_all';
alter role evaluations_owner password :'evaluations_owner';
alter role evaluations password :'evaluations';
alter role evaluations_all password :'evaluations_all';
alter role referrals_owner password :'referrals_owner';
alter role referrals password :'referrals';
alter role referrals_all password :'referrals_all';
alter role notifications_owner password :'notifications_owner';
alter role notifications password :'notifications';
alter role notifications_all password :'notifications_all';
alter role keys_owner password :'keys_owner';

select format('create database %I owner %I template template0 encoding ''UTF8''', name, name || '_owner')
from unnest(array['visits', 'evaluations', 'referrals', 'notifications', 'keys']) as name
where not exists (select from pg_database where datname = name)
\gexec

revoke connect, temporary on database visits, evaluations, referrals, notifications, keys, postgres, template1 from public;
grant connect on database visits to visits, visits_all;
grant connect on database evaluations to evaluations, evaluations_all;
grant connect on database referrals to referrals, referrals_all;
grant connect on database notifications to notifications, notifications_all;
grant connect on database keys to visits, evaluations, referrals, notifications;

\connect visits
alter schema public owner to visits_owner;
revoke all on schema public from public;
grant usage on schema public to visits, visits_all;
\connect evaluations
alter schema public owner to evaluations_owner;
revoke all on schema public from public;
grant usage on schema public to evaluations, evaluations_all;
\connect referrals
alter schema public owner to referrals_owner;
revoke all on schema public from public;
grant usage on schema public to referrals, referrals_all;
\connect notifications
alter schema public owner to notifications_owner;
revoke all on schema public from public;
grant usage on schema public to notifications, notifications_all;
\connect keys
alter schema public owner to keys_owner;
revoke all on schema public from public;
grant usage on schema public to visits, evaluations, referrals, notifications;
