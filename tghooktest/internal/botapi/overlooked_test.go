package botapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatTelegramOverlooksIsSaid(t *testing.T) {
	t.Parallel()
	const other = "Telegram executes one JSON object only, and this is not one"
	const cut = "the JSON is malformed; Telegram reads the part before the mistake"
	for _, x := range []struct{ contentType, body, want string }{
		{asJSON, `{"method":"sendMessage","chat_id":1}`, ""},
		{asJSON, ` {"method" : "sendMessage", "x": {"y": [{}, [1]]}} `, ""},
		{asJSON, `{}`, ""},
		{asJSON, `null`, ""},
		{asJSON, `"ok"`, ""},
		{asJSON, `[{"name":"x"}]`, ""},
		{asJSON, `{"ok":true,"result":{"method":"sendMessage"}}`, ""},
		{asJSON, `ok`, ""},
		{asJSON, ``, ""},
		{asJSON, `{"method":"sendMessage"`, cut},
		{asJSON, `{"method":"sendMessage","text":nil}`, cut},
		{asJSON, `{"method":"sendMessage"}{"method":"sendMessage"}`, cut},
		{asJSON, `{'method':'sendMessage',"method":"x"}`, other},
		{asJSON, `[{"method":"sendMessage"}]`, other},
		{asJSON, `"{\"method\":\"sendMessage\"}"`, other},
		{asJSON, `{"Method":"sendMessage","ChatID":1}`, "Telegram reads the method's name from the field method, not from Method"},
		{asForm, `METHOD=sendMessage`, "Telegram reads the method's name from the field method, not from METHOD"},
		{asForm, `method=getMe`, "Telegram does not execute getMe as a webhook reply; call it by a request to the Bot API"},
		{asForm, `{"method":"sendMessage"}`, `the Content-Type "application/x-www-form-urlencoded" says form, but the body is JSON; send application/json`},
		{asMultipart, parts("Content-Disposition: form-data; name=method\n\nclose"), "Telegram does not execute close as a webhook reply; call it by a request to the Bot API"},
		{asMultipart, "no parts", ""},
		{"text/plain", `{"method":"sendMessage"}`, `Telegram does not execute a reply with the Content-Type "text/plain"; send application/json`},
		{"text/plain; charset=utf-8", `chat_id=1&method=sendMessage`, `Telegram does not execute a reply with the Content-Type "text/plain; charset=utf-8"; send application/json`},
		{"text/plain", "ok", ""},
		{"text/html", `<form method="post"><input name="method">`, ""},
		{"text/plain", `{"status":"ok"}`, ""},
	} {
		_, got, _ := answered(x.contentType, "", x.body, len(x.body))
		assert.Equalf(t, x.want, got, "of %s %q", x.contentType, x.body)
	}
	_, long, err := answered(asJSON, "", `{"method":"get`+strings.Repeat("x", 1<<15)+`"}`, 1<<10)
	require.NoError(t, err)
	assert.NotEmpty(t, long)
	assert.LessOrEqual(t, len(long), 300)
}
