package gateway

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// Event returns the event that shape makes of r. It reads and closes the body of r.
func Event(shape Shape, r *http.Request) ([]byte, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("read the body: %w", err)
		}
	}
	in := incoming{
		Request: r,
		path:    r.URL.EscapedPath(),
		body:    string(body),
		header:  headers(r, len(body)),
		query:   r.URL.Query(),
		now:     time.Now().UTC(),
	}
	if in.path == "" {
		in.path = "/"
	}
	if shape == REST || !isText(r.Header, body) {
		in.body, in.base64 = base64.StdEncoding.EncodeToString(body), true
	}
	switch shape {
	case REST, RESTText:
		return json.Marshal(in.rest())
	case HTTP:
		return json.Marshal(in.http())
	case HTTPv1:
		return json.Marshal(in.httpV1())
	case FunctionURL:
		return json.Marshal(in.functionURL())
	case ALB, ALBMultiValue:
		return json.Marshal(in.alb(shape == ALBMultiValue))
	default:
		return nil, fmt.Errorf("no shape %q", shape)
	}
}

// incoming is a request, with the values that every shape needs.
type incoming struct {
	*http.Request

	path   string
	body   string
	base64 bool
	header http.Header // the request's, and those that AWS adds
	query  url.Values
	now    time.Time
}

// headers returns the request's headers, and those that the service adds.
func headers(r *http.Request, size int) http.Header {
	all := http.Header{}
	forwarded := []string{}
	for name, values := range r.Header {
		if strings.EqualFold(name, "X-Forwarded-For") {
			forwarded = append(forwarded, values...)
			continue
		}
		all[name] = slices.Clone(values)
	}
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	all["Host"] = []string{host}
	all["X-Amzn-Trace-Id"] = []string{"Root=1-5e9f0c65-1de4d666d4dd26aced652b6c"}
	all["X-Forwarded-For"] = []string{strings.Join(append(forwarded, SourceIP), ", ")}
	all["X-Forwarded-Port"] = []string{"443"}
	all["X-Forwarded-Proto"] = []string{"https"}
	if size > 0 {
		all["Content-Length"] = []string{strconv.Itoa(size)}
	}
	return all
}

// isText reports whether the event has the body as text, and not in base64.
func isText(h http.Header, body []byte) bool {
	if h.Get("Content-Encoding") != "" || !utf8.Valid(body) {
		return false
	}
	mediaType, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	switch mediaType {
	case "application/json", "application/javascript", "application/xml":
		return true
	default:
		return len(body) == 0 || strings.HasPrefix(mediaType, "text/")
	}
}

// lower returns h with all names in lower case. The values of all spellings of a name are
// joined in one list.
func lower(h http.Header) map[string][]string {
	all := make(map[string][]string, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		key := strings.ToLower(name)
		all[key] = append(all[key], h[name]...)
	}
	return all
}

func joined(h map[string][]string) map[string]string {
	all := make(map[string]string, len(h))
	for name, values := range h {
		all[name] = strings.Join(values, ",")
	}
	return all
}

func last(h map[string][]string) map[string]string {
	all := make(map[string]string, len(h))
	for name, values := range h {
		if len(values) > 0 {
			all[name] = values[len(values)-1]
		}
	}
	return all
}

const (
	account  = "123456789012"
	apiID    = "r3pmxmplak"
	clock    = "02/Jan/2006:15:04:05 -0700"
	protocol = "HTTP/1.1"
)

func (in *incoming) rest() events.APIGatewayProxyRequest {
	return events.APIGatewayProxyRequest{
		Resource:                        "/{proxy+}",
		Path:                            in.path,
		HTTPMethod:                      in.Method,
		Headers:                         last(in.header),
		MultiValueHeaders:               in.header,
		QueryStringParameters:           last(in.query),
		MultiValueQueryStringParameters: in.query,
		PathParameters:                  map[string]string{"proxy": strings.TrimPrefix(in.path, "/")},
		RequestContext: events.APIGatewayProxyRequestContext{
			AccountID:         account,
			ResourceID:        "roq9wj",
			Stage:             "prod",
			DomainName:        in.header["Host"][0],
			DomainPrefix:      apiID,
			RequestID:         requestID,
			ExtendedRequestID: "TWegAcC4EowCHnA=",
			Protocol:          protocol,
			Identity:          events.APIGatewayRequestIdentity{SourceIP: SourceIP, UserAgent: in.UserAgent()},
			ResourcePath:      "/{proxy+}",
			Path:              "/prod" + in.path,
			HTTPMethod:        in.Method,
			RequestTime:       in.now.Format(clock),
			RequestTimeEpoch:  in.now.UnixMilli(),
			APIID:             apiID,
		},
		Body:            in.body,
		IsBase64Encoded: in.base64,
	}
}

// versioned is the event of a REST API. It also has the version that an HTTP API adds.
type versioned struct {
	Version string `json:"version"`
	events.APIGatewayProxyRequest
}

func (in *incoming) httpV1() versioned {
	event := in.rest()
	event.Resource, event.PathParameters = "$default", nil
	event.RequestContext.Stage, event.RequestContext.Path = "$default", in.path
	event.RequestContext.ResourcePath = "$default"
	return versioned{"1.0", event}
}

func (in *incoming) http() events.APIGatewayV2HTTPRequest {
	header, cookies := in.v2()
	return events.APIGatewayV2HTTPRequest{
		Version:               "2.0",
		RouteKey:              "$default",
		RawPath:               in.path,
		RawQueryString:        in.URL.RawQuery,
		Cookies:               cookies,
		Headers:               header,
		QueryStringParameters: joined(in.query),
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey:     "$default",
			AccountID:    account,
			Stage:        "$default",
			RequestID:    requestID,
			APIID:        apiID,
			DomainName:   header["host"],
			DomainPrefix: apiID,
			Time:         in.now.Format(clock),
			TimeEpoch:    in.now.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: in.Method, Path: in.path, Protocol: protocol, SourceIP: SourceIP, UserAgent: in.UserAgent(),
			},
		},
		Body:            in.body,
		IsBase64Encoded: in.base64,
	}
}

// aFunctionURL adds a field that the events package does not have.
type aFunctionURL struct {
	events.LambdaFunctionURLRequest
	RouteKey string `json:"routeKey"`
}

func (in *incoming) functionURL() aFunctionURL {
	header, cookies := in.v2()
	return aFunctionURL{events.LambdaFunctionURLRequest{
		Version:               "2.0",
		RawPath:               in.path,
		RawQueryString:        in.URL.RawQuery,
		Cookies:               cookies,
		Headers:               header,
		QueryStringParameters: joined(in.query),
		RequestContext: events.LambdaFunctionURLRequestContext{
			AccountID:    "anonymous",
			RequestID:    requestID,
			APIID:        apiID,
			DomainName:   header["host"],
			DomainPrefix: apiID,
			Time:         in.now.Format(clock),
			TimeEpoch:    in.now.UnixMilli(),
			HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{
				Method: in.Method, Path: in.path, Protocol: protocol, SourceIP: SourceIP, UserAgent: in.UserAgent(),
			},
		},
		Body:            in.body,
		IsBase64Encoded: in.base64,
	}, "$default"}
}

// v2 returns the headers of payload format 2.0. That format has the cookies in a field of
// their own.
func (in *incoming) v2() (header map[string]string, cookies []string) {
	all := lower(in.header)
	for _, line := range all["cookie"] {
		cookies = append(cookies, strings.Split(line, "; ")...)
	}
	delete(all, "cookie")
	return joined(all), cookies
}

func (in *incoming) alb(multiValue bool) events.ALBTargetGroupRequest {
	event := events.ALBTargetGroupRequest{
		HTTPMethod: in.Method,
		Path:       in.path,
		RequestContext: events.ALBTargetGroupRequestContext{ELB: events.ELBContext{
			TargetGroupArn: "arn:aws:elasticloadbalancing:us-east-2:" + account + ":targetgroup/lambda/49e9d65c45c6791a",
		}},
		Body:            in.body,
		IsBase64Encoded: in.base64,
	}
	if multiValue {
		event.MultiValueHeaders, event.MultiValueQueryStringParameters = lower(in.header), in.query
	} else {
		event.Headers, event.QueryStringParameters = last(lower(in.header)), last(in.query)
	}
	return event
}
