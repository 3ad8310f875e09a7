package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/gateway"
)

var shapes = []gateway.Shape{
	gateway.REST, gateway.RESTText, gateway.HTTP, gateway.HTTPv1, gateway.FunctionURL, gateway.ALB, gateway.ALBMultiValue,
}

func request(tb testing.TB, body string) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "https://bot.example/a%20b?q=1&q=2", strings.NewReader(body))
	require.NoError(tb, err)
	r.Header = http.Header{
		"Content-Type":    {"application/json"},
		"X-Forwarded-For": {"192.0.2.1", "192.0.2.2"},
		"X-Two":           {"1", "2"},
		"x-two":           {"3"},
		"Cookie":          {"a=1; b=2"},
	}
	return r
}

// at returns the JSON of the field at a path, or "none".
func at(tb testing.TB, event []byte, path string) string {
	tb.Helper()
	for name := range strings.FieldsSeq(path) {
		var fields map[string]json.RawMessage
		require.NoError(tb, json.Unmarshal(event, &fields), event)
		var ok bool
		if event, ok = fields[name]; !ok {
			return "none"
		}
	}
	return string(event)
}

func TestEventIsWhatTheDoorMakesOfARequest(t *testing.T) {
	t.Parallel()
	type found map[string]string
	v1 := found{
		"httpMethod": `"POST"`, "path": `"/a%20b"`, "body": `"{}"`, "isBase64Encoded": "none",
		"headers X-Two": `"2"`, "multiValueHeaders X-Two": `["1","2"]`, "multiValueHeaders x-two": `["3"]`,
		"multiValueHeaders Host": `["bot.example"]`, "multiValueHeaders Cookie": `["a=1; b=2"]`,
		"multiValueHeaders X-Forwarded-For":  `["192.0.2.1, 192.0.2.2, 127.0.0.1"]`,
		"multiValueQueryStringParameters q":  `["1","2"]`,
		"requestContext identity sourceIp":   `"127.0.0.1"`,
		"requestContext elb":                 "none",
		"multiValueHeaders X-Forwarded-Port": `["443"]`, "multiValueHeaders X-Forwarded-Proto": `["https"]`,
	}
	v2 := found{
		"version": `"2.0"`, "rawPath": `"/a%20b"`, "rawQueryString": `"q=1\u0026q=2"`, "body": `"{}"`, "isBase64Encoded": "false",
		"httpMethod": "none", "multiValueHeaders": "none", "cookies": `["a=1","b=2"]`,
		"headers x-two": `"1,2,3"`, "headers host": `"bot.example"`, "headers cookie": "none", "headers content-length": `"2"`,
		"headers x-forwarded-for":      `"192.0.2.1, 192.0.2.2, 127.0.0.1"`,
		"requestContext http method":   `"POST"`,
		"requestContext http sourceIp": `"127.0.0.1"`,
		"requestContext timeEpoch":     "946684800000",
		"requestContext time":          `"01/Jan/2000:00:00:00 +0000"`,
	}
	alb := found{
		"httpMethod": `"POST"`, "path": `"/a%20b"`, "body": `"{}"`, "isBase64Encoded": "false", "version": "none",
		"requestContext elb targetGroupArn": `"arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/lambda/49e9d65c45c6791a"`,
	}
	for shape, wants := range map[gateway.Shape][]found{
		gateway.RESTText:      {v1, {"requestContext path": `"/prod/a%20b"`, "version": "none"}},
		gateway.REST:          {{"body": `"e30="`, "isBase64Encoded": "true", "multiValueHeaders x-two": `["3"]`}},
		gateway.HTTPv1:        {v1, {"requestContext path": `"/a%20b"`, "version": `"1.0"`}},
		gateway.HTTP:          {v2, {"requestContext accountId": `"123456789012"`}},
		gateway.FunctionURL:   {v2, {"requestContext accountId": `"anonymous"`, "routeKey": `"$default"`}},
		gateway.ALB:           {alb, {"headers x-two": `"3"`, "headers X-Two": "none", "multiValueHeaders": "none", "headers x-forwarded-for": `"192.0.2.1, 192.0.2.2, 127.0.0.1"`}},
		gateway.ALBMultiValue: {alb, {"headers": "none", "multiValueHeaders x-two": `["1","2","3"]`, "multiValueHeaders cookie": `["a=1; b=2"]`}},
	} {
		synctest.Test(t, func(t *testing.T) {
			event, err := gateway.Event(shape, request(t, "{}"))
			require.NoError(t, err)
			for _, want := range wants {
				for path, value := range want {
					assert.Equalf(t, value, at(t, event, path), "%s", shape)
				}
			}
		})
	}
}

func TestEventHasABinaryBodyInBase64(t *testing.T) {
	t.Parallel()
	for _, shape := range shapes {
		binary, encoded := request(t, "\x00\xff"), request(t, "{}")
		encoded.Header.Set("Content-Encoding", "gzip")
		for r, want := range map[*http.Request]string{binary: `"AP8="`, encoded: `"e30="`} {
			event, err := gateway.Event(shape, r)
			require.NoError(t, err)
			assert.Equalf(t, want+"true", at(t, event, "body")+at(t, event, "isBase64Encoded"), "%s", shape)
		}
	}
}

func TestEventNeedsTheWholeBodyAndAKnownShape(t *testing.T) {
	t.Parallel()
	r := request(t, "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), brokenReader{}))
	if _, err := gateway.Event(gateway.HTTP, r); !errors.Is(err, errBroken) {
		t.Errorf("a broken body: %v", err)
	}
	if _, err := gateway.Event("Gopher", request(t, "")); err == nil {
		t.Error("an unknown shape: no error")
	}
}

var errBroken = errors.New("broken")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

// said returns a response as one line: status, headers that a function may set, body.
func said(tb testing.TB, res *http.Response) string {
	tb.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.ContentLength != int64(len(body)) {
		tb.Errorf("ContentLength %d of %q, %v", res.ContentLength, body, err)
	}
	parts := []string{strconv.Itoa(res.StatusCode)}
	for _, name := range []string{"Content-Type", "X-One", "Set-Cookie", "Connection", "X-Amzn-Remapped-Connection"} {
		for _, value := range res.Header[name] {
			parts = append(parts, name+"="+value)
		}
	}
	return strings.Join(append(parts, string(body)), " ")
}

func TestResponseIsWhatTheDoorMakesOfAnAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shapes       []gateway.Shape
		answer, want string
	}{
		{shapes[:5], `{"statusCode":204}`, "204 "},
		{shapes[:5], `{"statusCode":200,"headers":{"x-one":"1","connection":"close"},"body":"a"}`, "200 X-One=1 X-Amzn-Remapped-Connection=close a"},
		{shapes[2:3], `{"statusCode":200,"cookies":["a=1","b=2"]}`, "200 Set-Cookie=a=1 Set-Cookie=b=2 "},
		{shapes[:2], `{"statusCode":200,"headers":{"X-One":"0"},"multiValueHeaders":{"x-one":["1","2"]}}`, "200 X-One=1 X-One=2 "},
		{[]gateway.Shape{gateway.REST, gateway.HTTP, gateway.FunctionURL}, `{"statusCode":200,"body":"AP8=","isBase64Encoded":true}`, "200 \x00\xff"},
		{[]gateway.Shape{gateway.RESTText}, `{"statusCode":200,"body":"AP8=","isBase64Encoded":true}`, "200 AP8="},
		{[]gateway.Shape{gateway.ALB}, `{"statusCode":503,"statusDescription":"503 Service Unavailable","headers":{"X-One":"1","Connection":"close"},"isBase64Encoded":false}`, "503 X-One=1 "},
		{[]gateway.Shape{gateway.ALBMultiValue}, `{"statusCode":200,"statusDescription":"200 OK","multiValueHeaders":{"X-One":["1","2"]},"isBase64Encoded":false,"body":"a"}`, "200 X-One=1 X-One=2 a"},
	} {
		for _, shape := range c.shapes {
			res := gateway.Response(shape, []byte(c.answer)) //nolint:bodyclose // said closes it
			assert.Equalf(t, c.want, said(t, res), "%s", shape)
		}
	}
}

func TestResponseToABadAnswerIsAFailure(t *testing.T) {
	t.Parallel()
	failures := map[gateway.Shape]string{
		gateway.REST:          `502 Content-Type=application/json {"message": "Internal server error"}`,
		gateway.RESTText:      `502 Content-Type=application/json {"message": "Internal server error"}`,
		gateway.HTTP:          `500 Content-Type=application/json {"message":"Internal Server Error"}`,
		gateway.HTTPv1:        `500 Content-Type=application/json {"message":"Internal Server Error"}`,
		gateway.FunctionURL:   `502 Content-Type=application/json Internal Server Error`,
		gateway.ALB:           `502 Content-Type=text/html <html><head><title>502 Bad Gateway</title></head></html>`,
		gateway.ALBMultiValue: `502 Content-Type=text/html <html><head><title>502 Bad Gateway</title></head></html>`,
	}
	const described = `"statusDescription":"200 OK","isBase64Encoded":false`
	for _, c := range []struct {
		shapes          []gateway.Shape
		answer, problem string
	}{
		{shapes, ``, "the function failed"},
		{shapes, `null`, "no statusCode"},
		{shapes, `{}`, "no statusCode"},
		{shapes, `{"statusCode":99}`, "no statusCode"},
		{shapes, `{"statusCode":"200"}`, "decode"},
		{shapes, `{"statusCode":200,"headers":{"a":1}}`, "decode"},
		{shapes, `{"statusCode":200,"headers":{"a":["b"]}}`, "decode"},
		{shapes, `{"statusCode":200,"multiValueHeaders":{"a":"b"}}`, "decode"},
		{shapes, `{"statusCode":200,"body":{}}`, "decode"},
		{shapes, `{"statusCode":200,"StatusText":"OK"}`, "decode"},
		{shapes, `{"statusCode":200}{}`, "behind"},
		{shapes[2:3], `{"statusCode":200,"multiValueHeaders":{}}`, "payload format 2.0"},
		{shapes[4:5], `{"statusCode":200,"multiValueHeaders":{}}`, "payload format 2.0"},
		{shapes[:1], `{"statusCode":200,"cookies":[]}`, "cookies"},
		{shapes[:5], `{"statusCode":200,"statusDescription":"200 OK"}`, "load balancer"},
		{[]gateway.Shape{gateway.REST, gateway.HTTP}, `{"statusCode":200,"body":"*","isBase64Encoded":true}`, "isBase64Encoded"},
		{shapes[5:], `{"statusCode":200}`, "statusDescription"},
		{shapes[5:], `{"statusCode":200,"statusDescription":"OK"}`, "statusDescription"},
		{shapes[5:], `{"statusCode":200,"statusDescription":"200 OK"}`, "isBase64Encoded"},
		{shapes[5:6], `{"statusCode":200,` + described + `}`, "wants headers alone"},
		{shapes[5:6], `{"statusCode":200,` + described + `,"headers":{},"multiValueHeaders":{}}`, "wants headers alone"},
		{shapes[6:], `{"statusCode":200,` + described + `,"headers":{}}`, "wants multiValueHeaders alone"},
	} {
		for _, shape := range c.shapes {
			answer := []byte(c.answer)
			if c.answer == "" {
				answer = nil
			}
			res := gateway.Response(shape, answer)
			assert.Equalf(t, failures[shape], said(t, res), "%s", shape)
			if problem := res.Header.Get("X-Gateway-Problem"); !strings.Contains(problem, c.problem) {
				t.Errorf("%s: %s: got problem %q, want %q", shape, answer, problem, c.problem)
			}
		}
	}
}

type invoke func(ctx context.Context, payload []byte) ([]byte, error)

func (f invoke) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return f(ctx, payload) }

func TestFunctionHasTheDeadlineOfTheRequestAndOutlivesItsClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		left := make(chan time.Duration, 2)
		ended := make(chan error, 2)
		function := invoke(func(ctx context.Context, _ []byte) ([]byte, error) {
			end, _ := ctx.Deadline()
			left <- time.Until(end)
			if lc, ok := lambdacontext.FromContext(ctx); !ok || lc.AwsRequestID == "" {
				t.Errorf("lambdacontext %v", lc)
			}
			time.Sleep(2 * time.Second)
			ended <- ctx.Err()
			return nil, errBroken
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		ctx, goAway := context.WithCancelCause(ctx)
		defer cancel()
		time.AfterFunc(time.Second, func() { goAway(errBroken) })

		door := gateway.Transport(gateway.HTTP, function)
		res, err := door.RoundTrip(request(t, "").WithContext(ctx)) //nolint:bodyclose // there is none
		if res != nil || !errors.Is(err, errBroken) {
			t.Errorf("answered %v, %v", res, err)
		}
		if got := <-left; got != 3*time.Second {
			t.Errorf("%v were left", got)
		}
		require.NoError(t, <-ended, "the function's ctx")

		res, err = door.RoundTrip(request(t, ""))
		if err != nil || res.StatusCode != http.StatusInternalServerError || res.Request == nil {
			t.Fatalf("a function's error: %v, %v", res, err)
		}
		res.Body.Close()
	})
}
