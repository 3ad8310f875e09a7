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

// answer is the answer of a function, in any shape. A pointer is nil if the field is
// missing.
type answer struct {
	StatusCode        *int                 `json:"statusCode"`
	StatusDescription *string              `json:"statusDescription"`
	Headers           *map[string]string   `json:"headers"`
	MultiValueHeaders *map[string][]string `json:"multiValueHeaders"`
	Body              string               `json:"body"`
	IsBase64Encoded   *bool                `json:"isBase64Encoded"`
	Cookies           []string             `json:"cookies"`
}

// Response returns the response that shape makes of a function's answer. A nil payload
// stands for a function that has failed. An answer that is not in the documented form is a
// failure too, even where AWS would accept it. The header X-Gateway-Problem says why.
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
		return errors.New("there is more data behind the answer")
	}
	if a.StatusCode == nil || *a.StatusCode < 100 || *a.StatusCode > 599 {
		return errors.New("no statusCode")
	}
	if shape == ALB || shape == ALBMultiValue {
		return a.checkALB(shape == ALBMultiValue)
	}
	return a.checkAPI(shape == HTTP || shape == FunctionURL)
}

// checkALB says what is wrong with an answer to a load balancer.
func (a *answer) checkALB(multiValue bool) error {
	description := fmt.Sprintf("%d %s", *a.StatusCode, http.StatusText(*a.StatusCode))
	switch {
	case a.StatusDescription == nil || *a.StatusDescription != description:
		return errors.New("statusDescription is not the code, a space and the reason")
	case a.IsBase64Encoded == nil:
		return errors.New("no isBase64Encoded")
	case multiValue && (a.MultiValueHeaders == nil || a.Headers != nil):
		return errors.New("a target group with multi-value headers wants multiValueHeaders alone")
	case !multiValue && (a.Headers == nil || a.MultiValueHeaders != nil):
		return errors.New("a target group without multi-value headers wants headers alone")
	case a.Cookies != nil:
		return errors.New("only payload format 2.0 has cookies")
	}
	return nil
}

// checkAPI says what is wrong with an answer to API Gateway or a Function URL. v2 stands
// for payload format 2.0.
func (a *answer) checkAPI(v2 bool) error {
	switch {
	case v2 && a.MultiValueHeaders != nil:
		return errors.New("payload format 2.0 has no multiValueHeaders")
	case a.StatusDescription != nil:
		return errors.New("only a load balancer has a statusDescription")
	case !v2 && a.Cookies != nil:
		return errors.New("only payload format 2.0 has cookies")
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

// header joins headers and multiValueHeaders. A function cannot set the headers of the
// connection.
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
			if _, ok := header[textproto.CanonicalMIMEHeaderKey(name)]; !ok { // if both have the name, multiValueHeaders wins
				add(name, value)
			}
		}
	}
	add("Set-Cookie", a.Cookies...)
	return header
}
