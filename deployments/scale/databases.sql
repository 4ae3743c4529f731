-- Run once, by PostgreSQL's image, when its data is made: the image itself makes the database `prefect`.
CREATE DATABASE catalogue;
