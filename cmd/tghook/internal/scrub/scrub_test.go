package scrub_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/scrub"
	"github.com/tghook/tghook/tghooktest"
)

// people are the names, ids and addresses of people and chats in the fixtures.
var people = []string{
	"Zoë", "Núñez", "zoe_n", "7244100913", "5012345678901", "Арсен", "Ana", "Reis", "ana_reis", "6655443322",
	"1001999888777", "1002147483649", "Équipe", "Daily News", "dailynews", "Desk", "Évora", "Rua 5", "7000-854",
	"+abcdefg", "Gx8AAABhY29ubg", "AgACAgIAAxkBAAIB", "AQAD", "AgAAAHRrAQBAYlQq", "3874512096532871122",
}

func TestNobodyIsLeft(t *testing.T) {
	s := scrub.New()
	for name, update := range tghooktest.Updates() {
		out, err := s.Update(update)
		require.NoError(t, err, name)
		require.NotContains(t, string(out), "\n")
		u, err := tghook.ParseUpdate(out)
		require.NoError(t, err, name)
		before, err := tghook.ParseUpdate(update)
		require.NoError(t, err)
		require.Equal(t, before.ID, u.ID)
		require.Equal(t, before.Kind, u.Kind)
		require.Equal(t, before.ChatID > 0, u.ChatID > 0, name)
		require.Equal(t, shape(t, update), shape(t, out), name)
		var plain bytes.Buffer // without escapes
		require.NoError(t, json.Compact(&plain, out))
		var v any
		require.NoError(t, json.Unmarshal(out, &v))
		e := json.NewEncoder(&plain)
		e.SetEscapeHTML(false)
		require.NoError(t, e.Encode(v))
		for _, who := range people {
			require.NotContains(t, plain.String(), who, name)
		}
	}
}

// shape is the update with the types of its values alone.
func shape(t *testing.T, update []byte) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(update, &v))
	var of func(any) any
	of = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				v[name] = of(member)
			}
			return v
		case []any:
			for i, item := range v {
				v[i] = of(item)
			}
			return v
		case string:
			return "text"
		case float64:
			return "number"
		}
		return v
	}
	return of(v)
}

func TestEqualValuesStayEqual(t *testing.T) {
	s := scrub.New()
	a, err := s.Update(tghooktest.Update("message"))
	require.NoError(t, err)
	b, err := s.Update(tghooktest.Update("inline_query"))
	require.NoError(t, err)
	from := gjson.GetBytes(a, "message.from.id").Int()
	require.Equal(t, from, gjson.GetBytes(b, "inline_query.from.id").Int())
	require.Equal(t, from, gjson.GetBytes(a, "message.chat.id").Int(), "a private chat has its user's id")
	require.Equal(t, gjson.GetBytes(a, "message.from.first_name").String(), gjson.GetBytes(b, "inline_query.from.first_name").String())
	require.Less(t, from, int64(1)<<52)

	other, err := scrub.New().Update(tghooktest.Update("message"))
	require.NoError(t, err)
	require.NotEqual(t, from, gjson.GetBytes(other, "message.from.id").Int())
}

func TestTexts(t *testing.T) {
	const update = `{"update_id":1,"message":{"message_id":2,"chat":{"id":-100123456789012,"type":"supergroup","title":"T"},` +
		`"text":"/start Привет 😀 @zoe_n +351 900 Bob","entities":[{"type":"bot_command","offset":0,"length":6},{"type":"mention","offset":17,"length":6},{"type":"phone_number","offset":24,"length":8}],` +
		`"reply_markup":{"inline_keyboard":[[{"text":"Go","callback_data":"go:1"}]]},"contact":{"phone_number":"+351900","first_name":"Bob","vcard":"BEGIN"},"passport_data":{"data":[]},` +
		`"document":{"file_name":"Bob's taxes.pdf"},"location":{"latitude":38.7,"longitude":-9.1}}}`
	s := scrub.New()
	out, err := s.Update([]byte(update))
	require.NoError(t, err)
	require.Equal(t, "/start Привет 😀 @xxx_x +000 000 Bob", gjson.GetBytes(out, "message.text").String())
	require.Equal(t, "file.pdf", gjson.GetBytes(out, "message.document.file_name").String())
	require.Zero(t, gjson.GetBytes(out, "message.location.latitude").Float())
	require.False(t, gjson.GetBytes(out, "message.passport_data").Exists())
	require.NotContains(t, string(out), "351900")
	require.Equal(t, `{"inline_keyboard":[[{"text":"Go","callback_data":"go:1"}]]}`, gjson.GetBytes(out, "message.reply_markup").Raw)

	s.Texts = true
	out, err = s.Update([]byte(update))
	require.NoError(t, err)
	text := gjson.GetBytes(out, "message.text").String()
	require.Equal(t, "/start Xxxxxx 😀 @xxx_x +000 000 Xxx", text)
	require.Len(t, utf16.Encode([]rune(text)), len(utf16.Encode([]rune(gjson.Get(update, "message.text").String()))))
	require.Equal(t, "go:1", gjson.GetBytes(out, "message.reply_markup.inline_keyboard.0.0.callback_data").String())
}

func TestNoUpdate(t *testing.T) {
	for _, update := range []string{"", "{", "[]", `"x"`, strings.Repeat("[", 100_000)} {
		_, err := scrub.New().Update([]byte(update))
		require.Error(t, err)
	}
}

func FuzzUpdate(f *testing.F) {
	for _, update := range tghooktest.Updates() {
		f.Add(update)
	}
	f.Fuzz(func(t *testing.T, update []byte) {
		s := scrub.New()
		s.Texts = true
		if out, err := s.Update(update); err == nil {
			require.True(t, json.Valid(out))
		}
	})
}
