// Package sqs is a bot in two functions of AWS Lambda with a queue of SQS between them. The
// receiver answers Telegram when SQS has kept the update. The worker handles the updates of a
// chat one after the other, and may take a minute for each.
//
// template.yaml has all of it, for the SAM command line of AWS. README.md says how to deploy it,
// and what each failure does.
//
// The receiver knows the secret and may send to the queue. It does not know the token. The
// worker knows the token, and may receive from the queue.
//
// SQS remembers an update for five minutes, and Telegram may deliver it again for 24 hours. So
// the worker has a Store in a Redis, which knows what was handled.
package sqs

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Secret returns the value of a SecureString in the Parameter Store. Its name is in an
// environment variable.
func Secret(ctx context.Context, cfg aws.Config, variable string) (string, error) {
	name := os.Getenv(variable)
	out, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", fmt.Errorf("the parameter %q, which %s names: %w", name, variable, err)
	}
	return aws.ToString(out.Parameter.Value), nil
}
