package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	fiberv2 "github.com/gofiber/fiber/v2"
	fiberv3 "github.com/gofiber/fiber/v3"
	echov4 "github.com/labstack/echo/v4"
	echov5 "github.com/labstack/echo/v5"
	"github.com/valyala/fasthttp"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgecho"
	"github.com/tghook/tghook/adapters/tgechov5"
	"github.com/tghook/tghook/adapters/tgfiber"
	"github.com/tghook/tghook/adapters/tgfiberv3"
	"github.com/tghook/tghook/adapters/tglambda"
	"github.com/tghook/tghook/bench/rivals"
	"github.com/tghook/tghook/tghooktest"
)

// BenchmarkDoors measures one small update at each door, from the call of the
// framework to its return: with a handler of the framework's own that reads the
// body and answers 200, and with tghook, every protection on. The difference is
// the cost of tghook. CPU time is reported too, because the clock also counts the
// other work of the machine.
func BenchmarkDoors(b *testing.B) {
	for _, door := range doors {
		b.Run(door.name, func(b *testing.B) {
			for _, handler := range []string{"empty", "tghook"} {
				b.Run(handler, func(b *testing.B) {
					var w *tghook.Webhook
					if handler == "tghook" {
						w = hook(b, raw).(*tghook.Webhook)
					}
					measureCPU(b, func() { door.measure(b, w) })
				})
			}
		})
	}
}

// measureCPU reports the CPU time per iteration of the loop in measure.
func measureCPU(b *testing.B, measure func()) {
	b.Helper()
	before := cpuTime(b)
	measure()
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime returns the CPU time of this process so far.
func cpuTime(tb testing.TB) (nanoseconds int64) {
	tb.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		tb.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

var doors = []struct {
	name    string
	measure func(b *testing.B, w *tghook.Webhook) // nil: the empty handler
}{
	{"net/http", func(b *testing.B, w *tghook.Webhook) {
		if w == nil {
			serve(b, update, bare())
			return
		}
		serve(b, update, w)
	}},
	{"Echo_v4", func(b *testing.B, w *tghook.Webhook) {
		handler := func(c echov4.Context) error {
			if err := drain(c.Request().Body); err != nil {
				return err
			}
			return c.NoContent(http.StatusOK)
		}
		if w != nil {
			handler = tgecho.Handler(w)
		}
		e := echov4.New()
		e.POST(rivals.Path, handler)
		serve(b, update, e)
	}},
	{"Echo_v5", func(b *testing.B, w *tghook.Webhook) {
		handler := func(c *echov5.Context) error {
			if err := drain(c.Request().Body); err != nil {
				return err
			}
			return c.NoContent(http.StatusOK)
		}
		if w != nil {
			handler = tgechov5.Handler(w)
		}
		e := echov5.New()
		e.POST(rivals.Path, handler)
		serve(b, update, e)
	}},
	{"Fiber_v2", func(b *testing.B, w *tghook.Webhook) {
		handler := func(c *fiberv2.Ctx) error {
			handled += int64(len(c.Body()))
			return c.SendStatus(http.StatusOK)
		}
		if w != nil {
			handler = tgfiber.Handler(w)
		}
		app := fiberv2.New()
		app.Post(rivals.Path, handler)
		serveFast(b, update, app.Handler())
	}},
	{"Fiber_v3", func(b *testing.B, w *tghook.Webhook) {
		handler := func(c fiberv3.Ctx) error {
			handled += int64(len(c.Body()))
			return c.SendStatus(http.StatusOK)
		}
		if w != nil {
			handler = tgfiberv3.Handler(w)
		}
		app := fiberv3.New()
		app.Post(rivals.Path, handler)
		serveFast(b, update, app.Handler())
	}},
	{"Lambda_REST", func(b *testing.B, w *tghook.Webhook) {
		empty := func(_ context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
			handled += int64(len(e.Body))
			return events.APIGatewayProxyResponse{StatusCode: http.StatusOK}, nil
		}
		invoke(b, w, empty, events.APIGatewayProxyRequest{
			Resource: "/telegram", Path: "/telegram", HTTPMethod: http.MethodPost, Headers: headers, MultiValueHeaders: multiValueHeaders,
			RequestContext: events.APIGatewayProxyRequestContext{
				AccountID: "123456789012", ResourceID: "q1w2e3", Stage: "prod", DomainName: "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
				RequestID: "8f1c2f0e-5d0e-4d0c-9f57-2f3b6c1f7a10", Protocol: "HTTP/1.1", Path: "/prod/telegram", ResourcePath: "/telegram",
				Identity: events.APIGatewayRequestIdentity{SourceIP: "192.0.2.50"}, HTTPMethod: http.MethodPost, APIID: "a1b2c3d4e5",
			},
			Body: string(update),
		})
	}},
	{"Lambda_HTTP_API", func(b *testing.B, w *tghook.Webhook) {
		empty := func(_ context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
			handled += int64(len(e.Body))
			return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
		}
		invoke(b, w, empty, events.APIGatewayV2HTTPRequest{
			Version: "2.0", RouteKey: "POST /telegram", RawPath: "/telegram", Headers: headers,
			RequestContext: events.APIGatewayV2HTTPRequestContext{
				RouteKey: "POST /telegram", AccountID: "123456789012", Stage: "$default", APIID: "a1b2c3d4e5",
				RequestID: "JKJaXmPLvHcESHA=", DomainName: "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com", DomainPrefix: "a1b2c3d4e5",
				HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
					Method: http.MethodPost, Path: "/telegram", Protocol: "HTTP/1.1", SourceIP: "192.0.2.50",
				},
			},
			Body: string(update),
		})
	}},
	{"Lambda_Function_URL", func(b *testing.B, w *tghook.Webhook) {
		empty := func(_ context.Context, e events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
			handled += int64(len(e.Body))
			return events.LambdaFunctionURLResponse{StatusCode: http.StatusOK}, nil
		}
		invoke(b, w, empty, events.LambdaFunctionURLRequest{
			Version: "2.0", RawPath: "/telegram", Headers: headers,
			RequestContext: events.LambdaFunctionURLRequestContext{
				AccountID: "anonymous", APIID: "a1b2c3d4e5", RequestID: "8f1c2f0e-5d0e-4d0c-9f57-2f3b6c1f7a10",
				DomainName: "a1b2c3d4e5.lambda-url.eu-central-1.on.aws", DomainPrefix: "a1b2c3d4e5",
				HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{
					Method: http.MethodPost, Path: "/telegram", Protocol: "HTTP/1.1", SourceIP: "192.0.2.50",
				},
			},
			Body: string(update),
		})
	}},
	{"Lambda_ALB", func(b *testing.B, w *tghook.Webhook) {
		empty := func(_ context.Context, e events.ALBTargetGroupRequest) (events.ALBTargetGroupResponse, error) {
			handled += int64(len(e.Body))
			return events.ALBTargetGroupResponse{StatusCode: http.StatusOK}, nil
		}
		invoke(b, w, empty, events.ALBTargetGroupRequest{
			HTTPMethod: http.MethodPost, Path: "/telegram", Headers: headers,
			RequestContext: events.ALBTargetGroupRequestContext{ELB: events.ELBContext{
				TargetGroupArn: "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/bot/0123456789abcdef",
			}},
			Body: string(update),
		})
	}},
}

var update = tghooktest.Update("message")

// headers are the headers of Telegram and those that AWS adds.
var headers = map[string]string{
	"accept-encoding":                 "gzip, deflate",
	"content-length":                  strconv.Itoa(len(update)),
	"content-type":                    "application/json",
	"host":                            "bot.example.org",
	"x-amzn-trace-id":                 "Root=1-6740f1a3-0f1e2d3c4b5a69788796a5b4",
	"x-forwarded-for":                 "192.0.2.50",
	"x-forwarded-port":                "443",
	"x-forwarded-proto":               "https",
	"x-telegram-bot-api-secret-token": secret,
}

var multiValueHeaders = func() map[string][]string {
	multi := make(map[string][]string, len(headers))
	for name, value := range headers {
		multi[name] = []string{value}
	}
	return multi
}()

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// drain reads r into a pooled buffer.
func drain(r io.Reader) error {
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	_, err := buffer.ReadFrom(r)
	return err
}

// serveFast is serve for fasthttp, whose server reads the body before it calls h.
func serveFast(b *testing.B, body []byte, h fasthttp.RequestHandler) {
	b.Helper()
	var request fasthttp.Request
	raw := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: bot.example.org\r\nX-Telegram-Bot-Api-Secret-Token: %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n%s", rivals.Path, secret, len(body), body)
	if err := request.Read(bufio.NewReader(strings.NewReader(raw))); err != nil {
		b.Fatal(err)
	}
	var c fasthttp.RequestCtx
	c.Init(&request, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 50), Port: 40_000}, nil)
	each(b, c.Request.Body(), func() bool {
		h(&c)
		status := c.Response.StatusCode()
		c.ResetUserValues() // as the server does between two requests
		c.Response.Reset()
		return status == http.StatusOK
	})
}

// invoke is serve for Lambda. It gives the function a payload and a context with
// the deadline of the invocation, as Lambda's runtime does.
func invoke[Event any](b *testing.B, w *tghook.Webhook, empty any, event Event) {
	b.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		b.Fatal(err)
	}
	h := lambda.NewHandler(empty)
	if w != nil {
		h = tglambda.Handler(w)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	each(b, payload, func() bool {
		answer, err := h.Invoke(ctx, payload)
		return err == nil && bytes.Contains(answer, []byte(`"statusCode":200`))
	})
}

// each measures deliver, which sends the holder of an update and reports whether it
// was answered 200. The update has a new update_id each time.
func each(b *testing.B, holder []byte, deliver func() bool) {
	b.Helper()
	id := int64(100_000_000)
	digits := idOf(b, holder)
	b.ReportAllocs()
	for b.Loop() {
		id++
		strconv.AppendInt(digits, id, 10)
		if !deliver() {
			b.Fatalf("update %d was not answered 200", id)
		}
	}
}

// idOf returns the bytes of the update_id in the holder of a fixture's update.
func idOf(b *testing.B, holder []byte) []byte {
	b.Helper()
	const width = 9
	at := bytes.Index(holder, []byte("7314500"))
	if at < 0 {
		b.Fatalf("no update_id in %s", holder)
	}
	return holder[at:][:0:width]
}
