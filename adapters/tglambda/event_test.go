package tglambda

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

const goldenBody = "{\"update_id\":731450001,\n\"message\":{\"message_id\":7,\"chat\":{\"id\":42},\"text\":\"caf\\u00e9 <b>\"}}"

func decode(tb testing.TB, payload []byte) *event {
	tb.Helper()
	var e event
	require.NoError(tb, json.Unmarshal(payload, &e))
	return &e
}

func golden(tb testing.TB, name string) []byte {
	tb.Helper()
	payload, err := os.ReadFile("testdata/events/" + name + ".json")
	require.NoError(tb, err)
	return payload
}

func TestRequestIsWhatEachShapeTells(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]tghook.Request{
		"rest": {
			Host: "1234567890.execute-api.eu-west-1.amazonaws.com", Path: "/bots/telegram",
			ForwardedFor: []string{"149.154.167.220, 64.252.88.12"}, RemoteAddr: "149.154.167.220",
		},
		"rest_base64": {
			Host: "1234567890.execute-api.eu-west-1.amazonaws.com", Path: "/bots/telegram",
			ForwardedFor: []string{"203.0.113.9", "149.154.167.221"}, RemoteAddr: "149.154.167.221",
		},
		"http_v1": {
			Host: "r3pmxmplak.execute-api.us-east-2.amazonaws.com", Path: "/telegram",
			ForwardedFor: []string{"91.108.4.9"}, RemoteAddr: "91.108.4.9",
		},
		"http_v2": {
			Host: "r3pmxmplak.execute-api.us-east-2.amazonaws.com", Path: "/prod/telegram",
			ForwardedFor: []string{"203.0.113.9,91.108.4.9"}, RemoteAddr: "91.108.4.9",
		},
		"function_url": {
			Host: "abcdefghijklmnopqrstuvwxyz123456.lambda-url.us-east-2.on.aws", Path: "/",
			ForwardedFor: []string{"91.108.4.9"}, RemoteAddr: "91.108.4.9",
		},
		"alb": {
			Host: "bot.example.com", Path: "/telegram",
			ForwardedFor: []string{"203.0.113.9"}, RemoteAddr: "149.154.167.220",
		},
		"alb_multi_value": {
			Host: "bot.example.com", Path: "/telegram",
			ForwardedFor: []string{"203.0.113.9,198.51.100.7"}, RemoteAddr: "[2001:db8::9]:4711",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want.Method, want.ContentType, want.Secret = "POST", "application/json", []string{"s3cret"}
			want.ContentLength, want.Ephemeral = int64(len(goldenBody)), true

			e := decode(t, golden(t, name))
			assert.True(t, e.isRequest())
			assert.False(t, e.isBatch())
			got := e.request()
			body, err := io.ReadAll(got.Body)
			require.NoError(t, err)
			assert.Equal(t, goldenBody, string(body))
			got.Body = nil
			assert.Equal(t, want, got)
		})
	}
}

func TestRequestHasTheSizeOfTheDecodedBody(t *testing.T) {
	t.Parallel()
	for encoded, want := range map[string]int64{"": 0, "YQ==": 1, "YWI=": 2, "YWJj": 3, "YWJjZA==": 4} {
		e := event{Body: encoded, IsBase64Encoded: true}
		req := e.request()
		body, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		assert.Len(t, body, int(want), encoded)
		assert.Equal(t, want, req.ContentLength, encoded)
	}
}

func TestHeadersAreFoundInAnyCaseWithAllTheirValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ event, secrets, forwarded string }{
		{`{"headers":{"x-telegram-bot-api-secret-token":"a"}}`, "a", ""},
		{`{"headers":{"X-TELEGRAM-BOT-API-SECRET-TOKEN":"a"}}`, "a", ""},
		{`{"headers":{"X-Telegram-Bot-API-Secret-Token":"a","x-telegram-bot-api-secret-token":"b"}}`, "a|b", ""},
		{`{"headers":{"x-telegram-bot-api-secret-token":""}}`, "", ""},
		{`{"headers":{"x-telegram-bot-api-secret-token":null}}`, "", ""},
		{`{"headers":null,"multiValueHeaders":{"X-Telegram-Bot-Api-Secret-Token":["a","b"]}}`, "a|b", ""},
		{`{"multiValueHeaders":{"x-telegram-bot-api-secret-token":["a"],"X-Telegram-Bot-Api-Secret-Token":["a","b"]}}`, "a|a|b", ""},
		{`{"multiValueHeaders":{"x-telegram-bot-api-secret-token":[]}}`, "", ""},
		{`{"multiValueHeaders":{"x-telegram-bot-api-secret-token":null}}`, "", ""},
		// If there are both, the list counts: headers has only the last value.
		{`{"headers":{"x-telegram-bot-api-secret-token":"b"},"multiValueHeaders":{"x-telegram-bot-api-secret-token":["a","b"]}}`, "a|b", ""},
		{`{"headers":{"x-telegram-bot-api-secret-token":"b"},"multiValueHeaders":null}`, "b", ""},
		// The lines are in the order of the event, because the last hop counts.
		{`{"multiValueHeaders":{"x-forwarded-for":["1.1.1.1"],"X-Forwarded-For":["2.2.2.2","3.3.3.3"],"X-FORWARDED-FOR":["4.4.4.4"]}}`, "", "1.1.1.1|2.2.2.2|3.3.3.3|4.4.4.4"},
	} {
		req := decode(t, []byte(c.event)).request()
		assert.Equal(t, c.secrets, strings.Join(req.Secret, "|"), c.event)
		assert.Equal(t, c.forwarded, strings.Join(req.ForwardedFor, "|"), c.event)
	}
}

func TestLoadBalancersLastHopIsThePeer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lines  []string
		peer   string
		before []string
	}{
		{nil, "", nil},
		{[]string{"149.154.167.220"}, "149.154.167.220", nil},
		{[]string{"10.0.0.1, 149.154.167.220"}, "149.154.167.220", []string{"10.0.0.1"}},
		{[]string{"10.0.0.1", "10.0.0.2,149.154.167.220"}, "149.154.167.220", []string{"10.0.0.1,10.0.0.2"}},
		{[]string{"10.0.0.1", "149.154.167.220:5000"}, "149.154.167.220:5000", []string{"10.0.0.1"}},
		{[]string{"2001:db8::1, 2001:db8::2"}, "2001:db8::2", []string{"2001:db8::1"}},
		{[]string{"149.154.167.220,"}, "", []string{"149.154.167.220"}},
	} {
		peer, before := lastHop(c.lines)
		assert.Equal(t, c.peer, peer, c.lines)
		assert.Equal(t, c.before, before, c.lines)
	}
}

// If an event has the right fields, their names do not show why it is not recognised.
func TestAnEventWithTheRightFieldsIsToldWhyItIsNotRecognised(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ event, want string }{
		{`{"httpMethod":"POST","headers":{},"body":{"update_id":1}}`, `because its "body" is of the wrong type, object:`},
		{`{"httpMethod":"POST","headers":{"Content-Type":7},"body":""}`, `of the wrong type`},
		{`{"httpMethod":"POST","headers":{},"body":"","isBase64Encoded":"true"}`, `because its "isBase64Encoded" is of the wrong type, string:`},
		{`{"httpMethod":7654321,"headers":{},"body":""}`, `because its "httpMethod" is of the wrong type, number:`},
		{`{"type":"REQUEST","httpMethod":"POST","headers":{},"path":"/"}`, `because it has a "type", as an authorizer's event has:`},
		{`{"headers":{},"body":"{}","requestContext":{"connectionId":"a"}}`, `because it has neither "httpMethod" nor "requestContext.http.method"`},
		{`{"requestContext":{"http":{}},"headers":{},"body":"{}"}`, `because it has neither "httpMethod" nor "requestContext.http.method"`},
		{`{"Records":[{"eventSource":"aws:sqs"},{"eventSource":"aws:sns"}]}`, `because not all its records have the "eventSource" "aws:sqs":`},
		{`{"Records":[{"EventSource":"aws:sns"}]}`, `of records from "aws:sns" is not recognised, because not all`},
	} {
		_, err := handler{}.Invoke(t.Context(), []byte(c.event))
		require.ErrorContains(t, err, c.want, c.event)
		assert.NotContains(t, err.Error(), "7654321")
	}
}
