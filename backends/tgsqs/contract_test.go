package tgsqs_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/backends/tgsqs"
	"github.com/tghook/tghook/internal/test/fakesqs"
	"github.com/tghook/tghook/tghooktest"
)

// newClient is a client of a service at a URL.
func newClient(url string, sender sqs.HTTPClient) *sqs.Client {
	return sqs.New(sqs.Options{
		HTTPClient:   sender,
		Region:       "us-east-2",
		BaseEndpoint: &url,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	})
}

func newQueue(tb testing.TB, url string, cfg tgsqs.Config) *tgsqs.Queue {
	tb.Helper()
	q, err := tgsqs.New(newClient(url, nil), cfg)
	require.NoError(tb, err)
	return q
}

// gaps are the parts of the contract that SQS cannot keep. The documentation of the package
// says so, and that SQS chooses the lanes that come first, and forgets keys.
func gaps() []tghooktest.QueueGap {
	return []tghooktest.QueueGap{tghooktest.GapAttempts, tghooktest.GapNotes, tghooktest.GapLeaseOver, tghooktest.GapLanes}
}

func TestContract(t *testing.T) {
	t.Parallel()
	server := fakesqs.New(t)
	server.AllQueues("", nil)
	cfg := tgsqs.Config{
		URL:           "https://sqs.us-east-2.amazonaws.com/" + fakesqs.Account + "/updates-{bot}.fifo",
		DeadLetterURL: "https://sqs.us-east-2.amazonaws.com/" + fakesqs.Account + "/dead-{bot}.fifo",
	}
	tghooktest.TestQueue(t, func(tb testing.TB) tghooktest.QueueBackend {
		return tghooktest.QueueBackend{
			Queue: newQueue(tb, server.URL, cfg),
			Other: newQueue(tb, server.URL, cfg),
			Gaps:  gaps(),
			Stop:  server.Stop,
			Start: server.Start,
		}
	})
}
