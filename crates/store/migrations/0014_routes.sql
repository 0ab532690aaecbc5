-- Webhook routes. config is sealed; search is what the console searches, case folded; live is 1 where events are
-- offered to the route. error is the error flag, JSON.
CREATE TABLE IF NOT EXISTS webhook_routes (
    id TEXT PRIMARY KEY,
    search TEXT NOT NULL,
    live BIGINT NOT NULL,
    config {BLOB} NOT NULL,
    version BIGINT NOT NULL,
    tcount BIGINT NOT NULL,
    error TEXT,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
-- The last errors of each route's scripts.
CREATE TABLE IF NOT EXISTS webhook_route_log (
    route TEXT NOT NULL,
    id TEXT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (route, id)
);
-- What the script of a route made of the event. body_size is NULL until it ran, and 0 where it left the body as it is.
ALTER TABLE deliveries ADD COLUMN body TEXT;
ALTER TABLE deliveries ADD COLUMN body_size BIGINT;
CREATE INDEX IF NOT EXISTS deliveries_bodies ON deliveries (created, body_size) WHERE body_size > 0;
