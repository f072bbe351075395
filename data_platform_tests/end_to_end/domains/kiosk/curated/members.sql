-- grain: one row per member record of a snapshot; the platform folds equal successors and adds the intervals
-- key:   member_id, ordered by updated_at
SELECT
    member_id,
    full_name,
    city,
    updated_at
FROM raw.kiosk.members
