-- Run once, by PostgreSQL's image, when its data is made: the image itself makes the user and the database `prefect`.
-- Workers and our API know the catalogue's user only: they cannot read what is Prefect's, nor run programs as its superuser.
\getenv password CATALOGUE_PASSWORD
CREATE ROLE catalogue LOGIN PASSWORD :'password';
CREATE DATABASE catalogue OWNER catalogue;
REVOKE CONNECT, TEMPORARY ON DATABASE catalogue FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE prefect FROM PUBLIC;
