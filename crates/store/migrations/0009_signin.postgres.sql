UPDATE access_token SET uuid = gen_random_uuid()::text;
