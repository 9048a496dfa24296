CREATE DATABASE evolution; -- for the profile whatsapp; empty where it is not used
