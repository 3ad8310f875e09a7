package tglambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tglambda"
	"github.com/tghook/tghook/internal/gateway"
	"github.com/tghook/tghook/tghooktest"
)

const secret = "s3cret"

// mount returns a function with this handler. Deliveries are not logged unless cfg has an
// Observe.
func mount(tb testing.TB, cfg tghook.Config, handler tghook.HandlerFunc) lambda.Handler {
	tb.Helper()
	cfg.Secret = secret
	if cfg.Dispatch.Observe == nil {
		cfg.Dispatch.Observe = func(context.Context, tghook.Delivery) {}
	}
	hook, err := tghook.New(handler, cfg)
	require.NoError(tb, err)
	return tglambda.Handler(hook)
}

func golden(tb testing.TB, name string) []byte {
	tb.Helper()
	payload, err := os.ReadFile(filepath.Join("testdata", "events", name+".json"))
	require.NoError(tb, err)
	return payload
}

func invoke(ctx context.Context, tb testing.TB, f lambda.Handler, payload []byte) string {
	tb.Helper()
	answer, err := f.Invoke(ctx, payload)
	if err != nil {
		return "error: " + err.Error()
	}
	return string(answer)
}

func nothing(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

// answering returns a handler with one reply.
func answering(method string, params any) tghook.HandlerFunc {
	return func(context.Context, *tghook.Update) (tghook.Reply, error) {
		return tghook.Reply{Method: method, Params: params}, nil
	}
}

var requests = []string{"rest", "rest_base64", "http_v1", "http_v2", "function_url", "alb", "alb_multi_value"}

// style is the form of answer that each request's sender expects.
var style = map[string]func(status int, description, headers, multi, body string, encoded bool) string{
	"rest": multiValue, "rest_base64": multiValue, "http_v1": multiValue,
	"http_v2": singleValue, "function_url": singleValue,
	"alb": func(status int, description, headers, multi, body string, encoded bool) string {
		return described(singleValue(status, description, headers, multi, body, encoded), description)
	},
	"alb_multi_value": func(status int, description, headers, multi, body string, encoded bool) string {
		return described(multiValue(status, description, headers, multi, body, encoded), description)
	},
}

func singleValue(status int, _, headers, _, body string, encoded bool) string {
	return fmt.Sprintf(`{"statusCode":%d,"headers":{%s},"body":%s,"isBase64Encoded":%v}`, status, headers, body, encoded)
}

func multiValue(status int, _, _, multi, body string, encoded bool) string {
	return fmt.Sprintf(`{"statusCode":%d,"multiValueHeaders":{%s},"body":%s,"isBase64Encoded":%v}`, status, multi, body, encoded)
}

func described(answer, description string) string {
	return strings.Replace(answer, ",", `,"statusDescription":"`+description+`",`, 1)
}

func TestAnswerHasTheFormThatTheSenderExpects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what                              string
		handler                           tghook.HandlerFunc
		status                            int
		description, headers, multi, body string
		encoded                           bool
	}{
		{
			"nothing to say", nothing,
			200, "200 OK", ``, ``, `""`, false,
		},
		{
			"a reply", answering("sendMessage", map[string]any{"chat_id": 42, "text": "gr\u00fc\u00df <b> \u2028 \U0001f600 \"\\"}),
			200, "200 OK", `"Content-Type":"application/json"`, `"Content-Type":["application/json"]`,
			`"{\"method\":\"sendMessage\",\"chat_id\":42,\"text\":\"gr\u00fc\u00df \\u003cb\\u003e \\u2028 ` + "\U0001f600" + ` \\\"\\\\\"}"`, false,
		},
		{
			"a reply that is not UTF-8", answering("sendMessage", json.RawMessage("{\"text\":\"\xff\"}")),
			200, "200 OK", `"Content-Type":"application/json"`, `"Content-Type":["application/json"]`,
			`"eyJtZXRob2QiOiJzZW5kTWVzc2FnZSIsInRleHQiOiL/In0="`, true,
		},
		{
			"a failure", func(context.Context, *tghook.Update) (tghook.Reply, error) {
				return tghook.NoReply, errors.New("no")
			},
			500, "500 Internal Server Error", ``, ``, `""`, false,
		},
		{
			"a panic that net/http would pass on", func(context.Context, *tghook.Update) (tghook.Reply, error) {
				panic(http.ErrAbortHandler)
			},
			500, "500 Internal Server Error", ``, ``, `""`, false,
		},
		{
			"not now", func(context.Context, *tghook.Update) (tghook.Reply, error) {
				return tghook.NoReply, tghook.RetryAfter(time.Minute, nil)
			},
			503, "503 Service Unavailable", `"Retry-After":"60"`, `"Retry-After":["60"]`, `""`, false,
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			for _, name := range requests {
				f := mount(t, tghook.Config{}, c.handler)
				got := invoke(t.Context(), t, f, golden(t, name))
				want := style[name](c.status, c.description, c.headers, c.multi, c.body, c.encoded)
				if !sameJSON(got, want) {
					t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
				}
			}
		})
	}
}

// sameJSON compares JSON, except for the way in which strings are escaped.
func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	return reflect.DeepEqual(x, y)
}

// A sender might make each of these requests, but Telegram does not.
func TestRefusalHasTheFormThatTheSenderExpects(t *testing.T) {
	t.Parallel()
	for _, name := range requests {
		for _, c := range []struct {
			what, old, replacement            string
			status                            int
			description, headers, multiValues string
		}{
			{"a wrong secret", secret, "secret", 401, "401 Unauthorized", `"Connection":"close"`, `"Connection":["close"]`},
			{"a GET", "POST", "GET", 405, "405 Method Not Allowed", `"Allow":"POST"`, `"Allow":["POST"]`},
			{"another type", "application/json", "text/plain", 415, "415 Unsupported Media Type", "", ""},
		} {
			f := mount(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
				t.Errorf("%s, %s: the handler runs", name, c.what)
				return tghook.NoReply, nil
			})
			payload := bytes.ReplaceAll(golden(t, name), []byte(`"`+c.old+`"`), []byte(`"`+c.replacement+`"`))
			want := style[name](c.status, c.description, c.headers, c.multiValues, `""`, false)
			if got := invoke(t.Context(), t, f, payload); got != want {
				t.Errorf("%s, %s: got\n%s\nwant\n%s", name, c.what, got, want)
			}
		}
	}
}

// client returns a client that sends requests to f through a door.
func client(shape gateway.Shape, f lambda.Handler) *http.Client {
	return &http.Client{Transport: gateway.Transport(shape, f)}
}

var shapes = []gateway.Shape{
	gateway.REST, gateway.RESTText, gateway.HTTP, gateway.HTTPv1, gateway.FunctionURL, gateway.ALB, gateway.ALBMultiValue,
}

func post(tb testing.TB, c *http.Client, body []byte, headers ...string) (status int, header http.Header, answer []byte) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "https://bot.example/telegram", bytes.NewReader(body))
	require.NoError(tb, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	for i := 0; i < len(headers); i += 2 {
		req.Header[headers[i]] = append(req.Header[headers[i]], headers[i+1])
	}
	res, err := c.Do(req)
	require.NoError(tb, err)
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	require.NoError(tb, err)
	assert.Empty(tb, res.Header.Get("X-Gateway-Problem"), "the problem that the door has with the answer")
	return res.StatusCode, res.Header, answer
}

func messageIn(chat, id int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"message\":{\"message_id\":1,\"chat\":{\"id\":%d},\"text\":\"caf\\u00e9\"}}", id, chat)
}

// Telegram sends a button's data unchanged, and it may not be UTF-8.
func TestHandlerGetsTheBytesThatWereSent(t *testing.T) {
	t.Parallel()
	for _, shape := range shapes {
		for _, body := range []string{messageIn(42, 1), "{\"update_id\":2,\"callback_query\":{\"data\":\"\xff\xfe\"}}"} {
			var got []byte
			f := mount(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				got = u.Raw
				return tghook.NoReply, nil
			})
			status, _, _ := post(t, client(shape, f), []byte(body))
			assert.Equal(t, 200, status, shape)
			assert.Equal(t, body, string(got), shape)
		}
	}
}

func TestFilesGoOutAsTheyAre(t *testing.T) {
	t.Parallel()
	photo := bytes.Repeat([]byte("\x89PNG\r\n\x00\xff"), 1000)
	for _, shape := range shapes {
		f := mount(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			return tghook.Reply{Method: "sendPhoto", Params: map[string]any{
				"chat_id": 42, "photo": tghook.File{Name: "a.png", Body: bytes.NewReader(photo)},
			}}, nil
		})
		status, header, body := post(t, client(shape, f), []byte(messageIn(42, 1)))
		contentType := header.Get("Content-Type")
		assert.Equal(t, 200, status, shape)
		assert.Regexp(t, "^multipart/form-data; boundary=", contentType, shape)
		// A REST API without binaryMediaTypes passes on the base64 that it got.
		if whole := bytes.Contains(body, photo); whole == (shape == gateway.RESTText) {
			t.Errorf("%s: the photo is in the answer: %v", shape, whole)
		}
	}
}

// So a REST API needs the same setting for every file.
func TestFileOfTextGoesOutInBase64Too(t *testing.T) {
	t.Parallel()
	for _, name := range requests {
		f := mount(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			return tghook.Reply{Method: "sendDocument", Params: map[string]any{"document": tghook.File{Name: "a.txt", Body: strings.NewReader("text")}}}, nil
		})
		got := invoke(t.Context(), t, f, golden(t, name))
		assert.Regexp(t, `,"isBase64Encoded":true}$`, got, name)
		assert.NotContains(t, got, "text", name)
	}
}

// The secret is one value, or none.
func TestTwoSecretsAreRefusedAndOneIsFoundInAnyCase(t *testing.T) {
	t.Parallel()
	const name = "X-Telegram-Bot-Api-Secret-Token"
	for _, shape := range shapes {
		f := mount(t, tghook.Config{}, nothing)
		for _, twice := range [][]string{{name, secret}, {name, "other"}, {strings.ToLower(name), secret}} {
			want := 401
			// This event has only one of several values.
			if shape == gateway.ALB && twice[1] == secret {
				want = 200
			}
			if status, _, _ := post(t, client(shape, f), []byte(messageIn(42, 1)), twice...); status != want {
				t.Errorf("%s, %q besides: %d, want %d", shape, twice, status, want)
			}
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://bot.example/", strings.NewReader(messageIn(42, 1)))
		require.NoError(t, err)
		req.Header = http.Header{"x-telegram-BOT-api-SECRET-token": {secret}, "CONTENT-type": {"application/json"}}
		res, err := client(shape, f).Do(req)
		require.NoError(t, err)
		res.Body.Close()
		assert.Equal(t, http.StatusOK, res.StatusCode, shape)
	}
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// The peer that the door saw counts or, if that is a trusted proxy, the peer that the proxy
// saw.
func TestSourceIsThePeerOfTheDoor(t *testing.T) {
	t.Parallel()
	telegram := tghook.TelegramSources()
	for _, shape := range shapes {
		f := mount(t, tghook.Config{AllowedSources: telegram}, nothing)
		if status, _, _ := post(t, client(shape, f), []byte(messageIn(42, 1)), "X-Forwarded-For", "149.154.167.220"); status != 401 {
			t.Errorf("%s: a header that anybody can send is believed: %d", shape, status)
		}
		f = mount(t, tghook.Config{AllowedSources: telegram, TrustedProxies: loopback}, nothing)
		if status, _, _ := post(t, client(shape, f), []byte(messageIn(42, 1)), "X-Forwarded-For", "149.154.167.220"); status != 200 {
			t.Errorf("%s: behind a trusted proxy: %d", shape, status)
		}
		f = mount(t, tghook.Config{AllowedSources: loopback}, nothing)
		if status, _, _ := post(t, client(shape, f), []byte(messageIn(42, 1))); status != 200 {
			t.Errorf("%s: from an allowed source: %d", shape, status)
		}
	}
}

func TestBodyIsDecodedAsItIsRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, body string
		want       string
	}{
		{"bad base64", "*not base64*", `{"statusCode":400,"headers":{},"body":"","isBase64Encoded":false}`},
		{"base64 that breaks off", "eyJ1cGRhdGVfaWQiOjF", `{"statusCode":400,"headers":{},"body":"","isBase64Encoded":false}`},
		{"no update", "bm8=", `{"statusCode":400,"headers":{},"body":"","isBase64Encoded":false}`},
		{"nothing", "", `{"statusCode":400,"headers":{},"body":"","isBase64Encoded":false}`},
		{"more than MaxBody", strings.Repeat("AAAA", 400<<10), `{"statusCode":413,"headers":{"Connection":"close"},"body":"","isBase64Encoded":false}`},
	} {
		f := mount(t, tghook.Config{}, nothing)
		payload, err := json.Marshal(map[string]any{
			"version": "2.0", "rawPath": "/", "isBase64Encoded": true, "body": c.body,
			"headers":        map[string]string{"content-type": "application/json", "x-telegram-bot-api-secret-token": secret},
			"requestContext": map[string]any{"http": map[string]any{"method": "POST", "sourceIp": "91.108.4.9"}},
		})
		require.NoError(t, err)
		assert.Equal(t, c.want, invoke(t.Context(), t, f, payload), c.what)
	}
}

// aws-lambda-go reads each event into the memory of the last one.
func TestUpdateOutlivesTheEvent(t *testing.T) {
	t.Parallel()
	for _, name := range append([]string{"sqs"}, requests...) {
		var kept sync.Map
		f := mount(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			kept.Store(u, string(u.Raw))
			return tghook.NoReply, nil
		})
		payload := golden(t, name)
		require.NotContains(t, invoke(t.Context(), t, f, payload), "error", name)
		for i := range payload {
			payload[i] = 'x'
		}
		updates := 0
		for u, raw := range kept.Range {
			updates++
			if got := u.(*tghook.Update).Raw; string(got) != raw {
				t.Errorf("%s: %q became %q", name, raw, got)
			}
		}
		if updates == 0 {
			t.Errorf("%s: no update", name)
		}
	}
}

// The instance is frozen once it has answered, under every configuration.
func TestGuardEndsTheHandlerBeforeTheFunctionsTimeout(t *testing.T) {
	t.Parallel()
	for _, policy := range []tghook.LatePolicy{tghook.LateDefault, tghook.LateRetry, tghook.LateCancel, tghook.LateAck} {
		for _, c := range []struct{ timeout, want time.Duration }{
			{3 * time.Second, 2500 * time.Millisecond},
			{time.Minute, 8 * time.Second},
			{8200 * time.Millisecond, 7700 * time.Millisecond},
		} {
			synctest.Test(t, func(t *testing.T) {
				var cause error
				f := mount(t, tghook.Config{Late: policy}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					<-ctx.Done()
					cause = context.Cause(ctx)
					return tghook.NoReply, ctx.Err()
				})
				ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
				defer cancel()
				start := time.Now()
				got := invoke(ctx, t, f, golden(t, "http_v2"))
				took := time.Since(start)
				synctest.Wait()
				assert.JSONEq(t, `{"statusCode":503,"headers":{},"body":"","isBase64Encoded":false}`, got)
				assert.Equal(t, c.want, took, "policy %d, timeout %v", policy, c.timeout)
				require.ErrorIs(t, cause, tghook.ErrLate, "policy %d", policy)
			})
		}
	}
}

func TestUnrecognisedEventIsNamedWithoutItsValues(t *testing.T) {
	t.Parallel()
	f := mount(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
		t.Error("the handler runs")
		return tghook.NoReply, nil
	})
	const (
		is    = `an event with the fields `
		isNot = ` is not recognised, because `
	)
	for _, c := range []struct{ what, payload, want string }{
		{"an update", messageIn(42, 1), is + `"message", "update_id"` + isNot},
		{"headers alone", `{"X-Telegram-Bot-Api-Secret-Token":"s3cret"}`, is + `"X-Telegram-Bot-Api-Secret-Token"` + isNot},
		{"EventBridge", `{"version":"0","id":"1","detail-type":"Scheduled Event","source":"aws.events","detail":{}}`, is + `"detail", "detail-type", "id", "source", "version"` + isNot},
		{"S3", `{"Records":[{"eventSource":"aws:s3","s3":{}}]}`, is + `"Records", of records from "aws:s3"` + isNot},
		{"SNS", `{"Records":[{"EventSource":"aws:sns","Sns":{}}]}`, is + `"Records", of records from "aws:sns"` + isNot},
		{"CloudFront", `{"Records":[{"cf":{}}]}`, is + `"Records", of records from ""` + isNot},
		{"a mixture", `{"Records":[{"eventSource":"aws:sqs","body":"s3cret"},{"eventSource":"aws:kinesis"}]}`, is + `"Records", of records from "aws:kinesis", "aws:sqs"` + isNot},
		{"no records", `{"Records":[]}`, is + `"Records"` + isNot},
		{"an authorizer", `{"type":"REQUEST","methodArn":"arn","httpMethod":"POST","path":"/","headers":{}}`, is + `"headers", "httpMethod", "methodArn", "path", "type"` + isNot},
		{"a WebSocket", `{"headers":{"X":"s3cret"},"requestContext":{"eventType":"CONNECT"}}`, is + `"headers", "requestContext"` + isNot},
		{"VPC Lattice", `{"version":"2.0","method":"POST","headers":{"host":["s3cret"]},"body":"{}"}`, is + `"body", "headers", "method", "version"` + isNot},
		{"a header that is a number", `{"httpMethod":"POST","headers":{"Host":4711}}`, is + `"headers", "httpMethod"` + isNot},
		{"long names", `{"` + strings.Repeat("a", 500) + `":1}`, is + `"` + strings.Repeat("a", 40) + `"` + isNot},
		{"many names", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1}`, is + `"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", 2 more` + isNot},
		{"an empty object", `{}`, `an event with the fields ` + isNot},
		{"a list", `[{"messageId":"s3cret","body":"{}"}]`, `the event is no JSON object: `},
		{"a string", `"s3cret"`, `the event is no JSON object: `},
		{"null", `null`, `the event is no JSON object: `},
		{"nothing", ``, `the event is no JSON object: `},
		{"half an object", `{"headers":{"X-Telegram-Bot-Api-Secret-Token":"s3cret`, `the event is no JSON object: `},
	} {
		answer, err := f.Invoke(t.Context(), []byte(c.payload))
		require.ErrorContains(t, err, "tglambda: "+c.want, c.what)
		assert.Regexp(t, "and SQS$", err.Error(), c.what)
		assert.NotContains(t, err.Error(), secret, c.what)
		assert.Nil(t, answer, c.what)
	}
}

// The other shapes are in the table at the root.
func TestHTTPAPIWithPayloadFormat1KeepsThePromise(t *testing.T) {
	t.Parallel()
	tghooktest.TestDoor(t, func(_ testing.TB, w *tghook.Webhook) tghooktest.Door {
		return tghooktest.Door{Transport: gateway.Transport(gateway.HTTPv1, tglambda.Handler(w)), Ephemeral: true}
	})
}

// FuzzInvoke checks that every payload gets an answer of a known form, or an error.
func FuzzInvoke(f *testing.F) {
	previous := slog.Default()
	f.Cleanup(func() { slog.SetDefault(previous) })
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for _, name := range append([]string{"sqs", "sqs_fifo"}, requests...) {
		f.Add(golden(f, name))
	}
	f.Add([]byte(`{"httpMethod":"POST","headers":{"X-FORWARDED-FOR":""},"requestContext":{"elb":{}},"isBase64Encoded":true,"body":"===="}`))
	f.Add([]byte(`{"Records":[{"eventSource":"aws:sqs"},{"eventSource":"aws:sqs","body":"{\"update_id\":1}"}]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		function := mount(t, tghook.Config{Dispatch: tghook.DispatchConfig{DeadLetter: func(context.Context, *tghook.Update, error) error { return nil }}}, nothing)
		answer, err := function.Invoke(t.Context(), payload)
		if err != nil {
			return
		}
		var a map[string]any
		if err := json.Unmarshal(answer, &a); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		status, _ := a["statusCode"].(float64)
		_, isRequest := a["isBase64Encoded"].(bool)
		_, isBatch := a["batchItemFailures"].([]any)
		if isRequest == isBatch || isRequest && (status < 200 || status > 503) {
			t.Fatalf("fields %v: %s", slices.Sorted(maps.Keys(a)), answer)
		}
	})
}
