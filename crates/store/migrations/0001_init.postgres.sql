-- Listings are ordered by bytes, as SQLite does, whatever the database's own collation is.
ALTER TABLE accounts ALTER COLUMN account TYPE TEXT COLLATE "C";
-- Chunks are ciphertext: trying to compress them is wasted work.
ALTER TABLE blob_chunks ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE blobs ALTER COLUMN data SET STORAGE EXTERNAL;
