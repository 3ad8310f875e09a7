package tglambda

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/tghook/tghook"
)

// event is an event of any shape, with the fields that the handler needs.
type event struct {
	Type              string   `json:"type"` // only an authorizer's event has one
	HTTPMethod        string   `json:"httpMethod"`
	Path              string   `json:"path"`
	RawPath           string   `json:"rawPath"`
	Headers           headers  `json:"headers"`
	MultiValueHeaders *headers `json:"multiValueHeaders"`
	Body              string   `json:"body"`
	IsBase64Encoded   bool     `json:"isBase64Encoded"`
	RequestContext    struct {
		ELB  *struct{} `json:"elb"`
		HTTP struct {  // payload format 2.0
			Method   string `json:"method"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
		Identity struct {
			SourceIP string `json:"sourceIp"`
		} `json:"identity"`
	} `json:"requestContext"`
	Records []record `json:"Records"`
}

// headers are the headers that the handler needs. They may come in any letter case, and
// encoding/json matches them in any.
type headers struct {
	Host            values `json:"Host"`
	ContentType     values `json:"Content-Type"`
	ContentEncoding values `json:"Content-Encoding"`
	ForwardedFor    values `json:"X-Forwarded-For"`
	Secret          values `json:"X-Telegram-Bot-Api-Secret-Token"`
}

// values are the values of one header, in all its spellings.
type values []string

// UnmarshalJSON adds a value, or a list of them.
func (v *values) UnmarshalJSON(data []byte) error {
	var list []string
	var err error
	if data[0] == '"' {
		list = make([]string, 1)
		err = json.Unmarshal(data, &list[0])
	} else {
		err = json.Unmarshal(data, &list)
	}
	*v = append(*v, list...)
	return err
}

func (v values) first() string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

func (e *event) isRequest() bool { return e.method() != "" && e.Type == "" }

func (e *event) isBatch() bool {
	return len(e.Records) > 0 && !slices.ContainsFunc(e.Records, func(r record) bool { return r.EventSource != sqs })
}

func (e *event) method() string { return cmp.Or(e.RequestContext.HTTP.Method, e.HTTPMethod) }

func (e *event) request() tghook.Request {
	h := &e.Headers
	if e.MultiValueHeaders != nil {
		h = e.MultiValueHeaders
	}
	req := tghook.Request{
		Method:          e.method(),
		Host:            h.Host.first(),
		Path:            cmp.Or(e.RawPath, e.Path),
		ContentType:     h.ContentType.first(),
		ContentEncoding: strings.Join(h.ContentEncoding, ", "),
		Secret:          h.Secret,
		ForwardedFor:    h.ForwardedFor,
		RemoteAddr:      cmp.Or(e.RequestContext.HTTP.SourceIP, e.RequestContext.Identity.SourceIP),
		ContentLength:   int64(len(e.Body)),
		Body:            strings.NewReader(e.Body),
		Ephemeral:       true,
	}
	if e.IsBase64Encoded {
		padding := len(e.Body) - len(strings.TrimRight(e.Body, "="))
		req.ContentLength = int64(base64.StdEncoding.DecodedLen(len(e.Body)) - padding)
		req.Body = base64.NewDecoder(base64.StdEncoding, req.Body)
	}
	if e.RequestContext.ELB != nil {
		req.RemoteAddr, req.ForwardedFor = lastHop(h.ForwardedFor)
	}
	return req
}

// lastHop splits off the last hop, which a load balancer has appended.
func lastHop(lines []string) (hop string, before []string) {
	hops := strings.Join(lines, ",")
	if i := strings.LastIndexByte(hops, ','); i >= 0 {
		hops, before = hops[i+1:], []string{hops[:i]}
	}
	return strings.TrimSpace(hops), before
}

const (
	maxNames = 12
	maxName  = 40
)

// unrecognised returns the error for the event. It holds only names: a value might be the
// secret.
func (e *event) unrecognised(payload []byte) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(payload, &fields) != nil || fields == nil {
		return fmt.Errorf("tglambda: the event is no JSON object: %s", remedy)
	}
	seen := "an event with the fields " + names(maps.Keys(fields))
	if len(e.Records) > 0 {
		sources := make(map[string]bool)
		for _, r := range e.Records {
			sources[r.EventSource] = true
		}
		seen += ", of records from " + names(maps.Keys(sources))
	}
	return fmt.Errorf("tglambda: %s is not recognised, because %s: %s", seen, e.reason(payload), remedy)
}

// reason returns why the event is neither a request nor a batch.
func (e *event) reason(payload []byte) string {
	var mistyped *json.UnmarshalTypeError
	err := json.Unmarshal(payload, new(event))
	switch {
	case errors.As(err, &mistyped):
		kind, _, _ := strings.Cut(mistyped.Value, " ") // a number may follow, which might be the secret
		return fmt.Sprintf("its %.*q is of the wrong type, %s", maxName, mistyped.Field, kind)
	case err != nil:
		return "a field is of the wrong type"
	case e.Type != "":
		return `it has a "type", as an authorizer's event has`
	case len(e.Records) > 0:
		return fmt.Sprintf("not all its records have the \"eventSource\" %q", sqs)
	default:
		return `it has neither "httpMethod" nor "requestContext.http.method", which a proxy integration sends`
	}
}

const remedy = "see which trigger sends it, and remove that or handle its events yourself; " +
	"known are API Gateway's proxy integration, Function URLs, load balancers and SQS"

// names lists at most maxNames of all, each cut to maxName characters.
func names(all iter.Seq[string]) string {
	sorted := slices.Sorted(all)
	list := make([]string, 0, maxNames+1)
	for i, name := range sorted {
		if i == maxNames {
			list = append(list, fmt.Sprintf("%d more", len(sorted)-i))
			break
		}
		list = append(list, fmt.Sprintf("%.*q", maxName, name))
	}
	return strings.Join(list, ", ")
}
