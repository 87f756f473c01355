-- Whether there is evidence of a platform: its name is the QE-ID in the quote.

CREATE INDEX evidence_of_platforms ON evidence (anchor, qe_id, pce_id);
