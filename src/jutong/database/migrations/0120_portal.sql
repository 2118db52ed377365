-- 门户: how each person wants to see. Sessions are people's (0010).

CREATE TABLE portal_look (
    user_id bigint PRIMARY KEY REFERENCES app_user (id),
    language text NOT NULL DEFAULT 'zh' CHECK (language IN ('zh', 'en')),
    theme text NOT NULL DEFAULT 'light' CHECK (theme IN ('light', 'dark', 'contrast')),
    type text NOT NULL DEFAULT 'normal' CHECK (type IN ('normal', 'large')),
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE portal_look IS '每人的显示选择：语言、配色、字号';
COMMENT ON COLUMN portal_look.type IS 'large is 大字 (GB/T 37668, 适老化)';
