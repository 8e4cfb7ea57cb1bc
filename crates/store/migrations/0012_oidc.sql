-- Whose signed tokens may act as a robot. What was exchanged for one is good only while the row is there.
CREATE TABLE robot_trust (
    id       {id},
    robot_id BIGINT NOT NULL REFERENCES robot (account_id) ON DELETE CASCADE,
    trust    {text} NOT NULL -- JSON object
);
CREATE INDEX robot_trust_robot ON robot_trust (robot_id, id);
