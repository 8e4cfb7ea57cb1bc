-- Where a token was sent when somebody agreed to it: they are asked again before another goes elsewhere. None: it was made
-- by hand, or before this was remembered.
ALTER TABLE access_token ADD COLUMN sent_to {text};
