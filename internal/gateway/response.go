package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// answer is what a function may answer with, of any shape. Pointers tell what is
// missing from what is empty.
type answer struct {
	StatusCode        *int                 `json:"statusCode"`
	StatusDescription *string              `json:"statusDescription"`
	Headers           *map[string]string   `json:"headers"`
	MultiValueHeaders *map[string][]string `json:"multiValueHeaders"`
	Body              string               `json:"body"`
	IsBase64Encoded   *bool                `json:"isBase64Encoded"`
	Cookies           []string             `json:"cookies"`
}

// Response is what shape makes of a function's answer. nil stands for a function
// that has failed. An answer that does not keep to the documented form is a
// failure too, also where AWS would be lenient; the response says why in
// X-Gateway-Problem.
func Response(shape Shape, payload []byte) *http.Response {
	var a answer
	err := a.decode(shape, payload)
	var body []byte
	if err == nil {
		body, err = a.body(shape)
	}
	if err != nil {
		return failure(shape, err)
	}
	header := a.header(shape)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	return response(*a.StatusCode, header, body)
}

func response(status int, header http.Header, body []byte) *http.Response {
	return &http.Response{
		Status:        strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode:    status,
		Proto:         protocol,
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
	}
}

func failure(shape Shape, err error) *http.Response {
	status, contentType, body := http.StatusBadGateway, "application/json", `{"message": "Internal server error"}`
	switch shape {
	case HTTP, HTTPv1:
		status, body = http.StatusInternalServerError, `{"message":"Internal Server Error"}`
	case FunctionURL:
		body = "Internal Server Error"
	case ALB, ALBMultiValue:
		contentType, body = "text/html", "<html><head><title>502 Bad Gateway</title></head></html>"
	}
	return response(status, http.Header{"Content-Type": {contentType}, "X-Gateway-Problem": {err.Error()}}, []byte(body))
}

func (a *answer) decode(shape Shape, payload []byte) error {
	if payload == nil {
		return errors.New("the function failed")
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(a); err != nil {
		return fmt.Errorf("decode the answer: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is something behind the answer")
	}
	if a.StatusCode == nil || *a.StatusCode < 100 || *a.StatusCode > 599 {
		return errors.New("no statusCode")
	}
	if shape == ALB || shape == ALBMultiValue {
		return a.fitsLoadBalancer(shape)
	}
	return a.fitsGateway(shape)
}

// fitsLoadBalancer says what a load balancer would refuse.
func (a *answer) fitsLoadBalancer(shape Shape) error {
	switch {
	case a.StatusDescription == nil || *a.StatusDescription != fmt.Sprintf("%d %s", *a.StatusCode, http.StatusText(*a.StatusCode)):
		return errors.New("statusDescription is not the code, a space and the reason")
	case a.IsBase64Encoded == nil:
		return errors.New("no isBase64Encoded")
	case shape == ALBMultiValue && (a.MultiValueHeaders == nil || a.Headers != nil):
		return errors.New("a target group with multi-value headers wants multiValueHeaders alone")
	case shape == ALB && (a.Headers == nil || a.MultiValueHeaders != nil):
		return errors.New("a target group without multi-value headers wants headers alone")
	case a.Cookies != nil:
		return errors.New("cookies are those of payload format 2.0 alone")
	}
	return nil
}

// fitsGateway says what API Gateway, or a function URL, would refuse.
func (a *answer) fitsGateway(shape Shape) error {
	second := shape == HTTP || shape == FunctionURL // payload format 2.0
	switch {
	case second && a.MultiValueHeaders != nil:
		return errors.New("payload format 2.0 has no multiValueHeaders")
	case a.StatusDescription != nil:
		return errors.New("statusDescription is the load balancer's alone")
	case !second && a.Cookies != nil:
		return errors.New("cookies are those of payload format 2.0 alone")
	}
	return nil
}

func (a *answer) body(shape Shape) ([]byte, error) {
	if a.IsBase64Encoded == nil || !*a.IsBase64Encoded || shape == RESTText {
		return []byte(a.Body), nil
	}
	body, err := base64.StdEncoding.DecodeString(a.Body)
	if err != nil {
		return nil, fmt.Errorf("isBase64Encoded, but body is not: %w", err)
	}
	return body, nil
}

// header joins headers and multiValueHeaders. Those of the connection are not
// the function's to set.
func (a *answer) header(shape Shape) http.Header {
	header := http.Header{}
	add := func(name string, values ...string) {
		name = textproto.CanonicalMIMEHeaderKey(name)
		switch name {
		case "Connection", "Content-Length", "Date", "Keep-Alive", "Transfer-Encoding", "Upgrade":
			if shape == ALB || shape == ALBMultiValue {
				return
			}
			name = "X-Amzn-Remapped-" + name
		}
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n\x00") {
				continue
			}
			header[name] = append(header[name], value)
		}
	}
	if a.MultiValueHeaders != nil {
		for name, values := range *a.MultiValueHeaders {
			add(name, values...)
		}
	}
	if a.Headers != nil {
		for name, value := range *a.Headers {
			if _, ok := header[textproto.CanonicalMIMEHeaderKey(name)]; !ok { // of both, the list counts
				add(name, value)
			}
		}
	}
	add("Set-Cookie", a.Cookies...)
	return header
}
