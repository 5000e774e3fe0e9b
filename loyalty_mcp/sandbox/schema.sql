-- What the engine keeps. Times are milliseconds since 1970 in UTC, amounts whole millionths.
-- Movements are rows that are added and never changed; what becomes of one is a further row.

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value ANY
) STRICT;

CREATE TABLE contacts (
    id INTEGER PRIMARY KEY,
    email TEXT UNIQUE,
    phone TEXT UNIQUE,
    ext_id TEXT UNIQUE,
    attributes TEXT NOT NULL,
    list_ids TEXT NOT NULL,
    email_blacklisted INTEGER NOT NULL,
    sms_blacklisted INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;

CREATE TABLE programs (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    document_id TEXT,
    meta TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX program_names ON programs (name) WHERE deleted_at IS NULL;

-- Balance definitions, limits, tier groups, tiers and rewards, each as draft and as active.
CREATE TABLE configuration (
    id TEXT NOT NULL,
    version TEXT NOT NULL CHECK (version IN ('draft', 'active')),
    program TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent TEXT,
    seq INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    PRIMARY KEY (id, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX configuration_by_kind ON configuration (program, version, kind, parent);

CREATE TABLE subscriptions (
    seq INTEGER PRIMARY KEY,
    program TEXT NOT NULL,
    contact INTEGER NOT NULL,
    own_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    meta TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;
CREATE UNIQUE INDEX members_by_contact ON subscriptions (program, contact) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX members_by_own_id ON subscriptions (program, own_id) WHERE ended_at IS NULL;

-- Further contacts that share a subscription.
CREATE TABLE attached_contacts (
    program TEXT NOT NULL,
    contact INTEGER NOT NULL,
    member INTEGER NOT NULL REFERENCES subscriptions (seq),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (program, contact)
) STRICT, WITHOUT ROWID;
CREATE INDEX attached_by_member ON attached_contacts (member);

CREATE TABLE balances (
    member INTEGER NOT NULL REFERENCES subscriptions (seq),
    definition TEXT NOT NULL,
    id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (member, definition)
) STRICT, WITHOUT ROWID;
CREATE INDEX balances_by_definition ON balances (definition, updated_at);

CREATE TABLE transactions (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    program TEXT NOT NULL,
    definition TEXT NOT NULL,
    member INTEGER NOT NULL REFERENCES subscriptions (seq),
    amount INTEGER NOT NULL CHECK (amount <> 0),
    minutes INTEGER,
    event_time INTEGER,
    meta TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX transactions_of_member ON transactions (member, definition, seq);

CREATE TABLE orders (
    transaction_seq INTEGER PRIMARY KEY REFERENCES transactions (seq),
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    due_at INTEGER NOT NULL
) STRICT;

-- The end of a transaction; the key makes it resolve once.
CREATE TABLE resolutions (
    transaction_seq INTEGER PRIMARY KEY REFERENCES transactions (seq),
    status TEXT NOT NULL CHECK (status IN ('completed', 'rejected', 'cancelled')),
    at INTEGER NOT NULL,
    applied INTEGER,
    balance INTEGER,
    reason TEXT
) STRICT;

-- The end of a lot moves where movements renew the balance.
CREATE TABLE lots (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    transaction_seq INTEGER NOT NULL UNIQUE REFERENCES transactions (seq),
    amount INTEGER NOT NULL CHECK (amount <> 0),
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;

-- The parts of a movement; the entries of a lot sum to what is left of it.
CREATE TABLE entries (
    lot INTEGER NOT NULL REFERENCES lots (seq),
    transaction_seq INTEGER NOT NULL REFERENCES transactions (seq),
    amount INTEGER NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (lot, transaction_seq)
) STRICT, WITHOUT ROWID;

-- What is left of the lots that are not used up: an index over `entries`, kept beside them.
CREATE TABLE open_lots (
    member INTEGER NOT NULL,
    definition TEXT NOT NULL,
    lot INTEGER NOT NULL,
    remaining INTEGER NOT NULL CHECK (remaining <> 0),
    expires_at INTEGER,
    PRIMARY KEY (member, definition, lot)
) STRICT, WITHOUT ROWID;
CREATE INDEX open_lots_by_end
    ON open_lots (member, definition, expires_at IS NULL, expires_at, lot);
CREATE INDEX debts ON open_lots (member, definition, lot) WHERE remaining < 0;

-- What happens by itself when its time comes; the kind `step` waits for a step of the clock.
CREATE TABLE due (
    due_kind TEXT NOT NULL CHECK (due_kind IN ('always', 'step')),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (due_kind, at, kind, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    contact INTEGER NOT NULL,
    own_id TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;

-- Where members stand in tier groups: one row for each move, the last one of a group counts.
CREATE TABLE tier_moves (
    seq INTEGER PRIMARY KEY,
    member INTEGER NOT NULL REFERENCES subscriptions (seq),
    tier_group TEXT NOT NULL,
    tier TEXT,
    by_hand INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX tier_moves_of_member ON tier_moves (member, tier_group, seq);

CREATE TABLE codes (
    seq INTEGER PRIMARY KEY,
    program TEXT NOT NULL,
    pool TEXT NOT NULL,
    code TEXT NOT NULL,
    UNIQUE (pool, code)
) STRICT;

CREATE TABLE vouchers (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    program TEXT NOT NULL,
    reward TEXT NOT NULL,
    member INTEGER NOT NULL REFERENCES subscriptions (seq),
    code TEXT NOT NULL,
    value INTEGER,
    unit TEXT,
    meta TEXT NOT NULL,
    valid_from INTEGER NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX vouchers_of_member ON vouchers (member, reward);
CREATE INDEX vouchers_by_code ON vouchers (program, code);
CREATE INDEX vouchers_by_reward ON vouchers (reward, created_at);

-- The voucher that took a code out of its pool, or that had the same code already.
CREATE TABLE code_uses (
    code_seq INTEGER PRIMARY KEY REFERENCES codes (seq),
    voucher_seq INTEGER NOT NULL REFERENCES vouchers (seq)
) STRICT;

-- The end of a voucher; the key lets it be used or revoked once. Lapsing is no row.
CREATE TABLE voucher_ends (
    voucher_seq INTEGER PRIMARY KEY REFERENCES vouchers (seq),
    status TEXT NOT NULL CHECK (status IN ('consumed', 'revoked')),
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE redemptions (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    voucher_seq INTEGER NOT NULL REFERENCES vouchers (seq),
    debit TEXT REFERENCES transactions (id),
    meta TEXT NOT NULL,
    purchase TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX redemptions_of_voucher ON redemptions (voucher_seq);

-- The end of a redemption; the key makes it resolve once.
CREATE TABLE redemption_ends (
    redemption_seq INTEGER PRIMARY KEY REFERENCES redemptions (seq),
    status TEXT NOT NULL CHECK (status IN ('completed', 'rejected', 'cancelled')),
    at INTEGER NOT NULL,
    reason TEXT
) STRICT;
