// Package tglambda runs a [tghook.Webhook] on AWS Lambda:
//
//	lambda.Start(tglambda.Handler(hook))
package tglambda

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/tghook/tghook"
)

// Handler returns w for [lambda.Start].
func Handler(w *tghook.Webhook) lambda.Handler { return handler{w} }

type handler struct{ hook *tghook.Webhook }

func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	h.hook.Serve(ctx, tghook.Request{})
	return payload, nil
}
