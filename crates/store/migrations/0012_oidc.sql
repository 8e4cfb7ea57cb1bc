-- Whose signed tokens may act as a robot. What was exchanged for one is good only while the row is there.
CREATE TABLE robot_trust (
    id       {id},
    robot_id BIGINT NOT NULL REFERENCES robot (account_id) ON DELETE CASCADE,
    trust    {text} NOT NULL -- JSON object
);
CREATE INDEX robot_trust_robot ON robot_trust (robot_id, id);

-- By whom users sign in elsewhere: an issuer's subject is one account for ever, whatever else the issuer says of it.
CREATE TABLE oidc_identity (
    issuer     {text} NOT NULL,
    subject    {text} NOT NULL,
    account_id BIGINT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX oidc_identity_account ON oidc_identity (account_id);
