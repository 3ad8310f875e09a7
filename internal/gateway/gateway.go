// Package gateway simulates the services in front of AWS Lambda, for tests. It turns an
// HTTP request into an event, and a function's answer into an HTTP response.
package gateway

import (
	"context"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Shape is a kind of event, and of the answer to it.
type Shape string

// The shapes, named after the services that make them.
const (
	REST          Shape = "API Gateway REST API"                          // binaryMediaTypes is */*: every body in base64
	RESTText      Shape = "API Gateway REST API without binaryMediaTypes" // answers in base64 go out undecoded
	HTTP          Shape = "API Gateway HTTP API"                          // payload format 2.0
	HTTPv1        Shape = "API Gateway HTTP API, payload format 1.0"
	FunctionURL   Shape = "Lambda Function URL"
	ALB           Shape = "Application Load Balancer"
	ALBMultiValue Shape = "Application Load Balancer, multi-value headers"
)

// SourceIP is the address that every request seems to come from.
const SourceIP = "127.0.0.1"

const requestID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

// Transport sends requests to h through the service that shape names. The deadline of a
// request's context is the deadline of the invocation. If the context ends earlier, the
// invocation goes on, because a client that hangs up does not stop a function.
func Transport(shape Shape, h lambda.Handler) http.RoundTripper {
	return transport{shape, h}
}

type transport struct {
	shape   Shape
	handler lambda.Handler
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	event, err := Event(t.shape, r)
	if err != nil {
		return nil, err
	}
	ctx := lambdacontext.NewContext(context.WithoutCancel(r.Context()), &lambdacontext.LambdaContext{AwsRequestID: requestID})
	cancel := func() {}
	if end, ok := r.Context().Deadline(); ok {
		ctx, cancel = context.WithDeadline(ctx, end)
	}
	answered := make(chan []byte, 1)
	go func() {
		defer cancel()
		answer, err := t.handler.Invoke(ctx, event)
		if err != nil {
			answer = nil
		}
		answered <- answer
	}()
	select {
	case answer := <-answered:
		res := Response(t.shape, answer)
		res.Request = r
		return res, nil
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}
