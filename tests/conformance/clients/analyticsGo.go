package main

import (
	"log"
	"os"
	"sync"
	"time"

	"github.com/segmentio/analytics-go/v3"
)

// Closing gives up what is being retried: wait until each message has its answer.
type waiting struct{ left sync.WaitGroup }

func (w *waiting) Success(analytics.Message)              { w.left.Done() }
func (w *waiting) Failure(_ analytics.Message, err error) { log.Print(err); w.left.Done() }

func main() {
	answers := &waiting{}
	answers.left.Add(5)
	client, err := analytics.NewWithConfig(os.Getenv("WRITE_KEY"), analytics.Config{
		Endpoint: os.Getenv("ENDPOINT"),
		Interval: 500 * time.Millisecond,
		Callback: answers,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, message := range []analytics.Message{
		analytics.Identify{UserId: "u1", Traits: analytics.NewTraits().SetEmail("ada@shop.example")},
		analytics.Track{UserId: "u1", Event: "Order Completed", Properties: analytics.NewProperties().SetTotal(12.5)},
		analytics.Page{UserId: "u1", Name: "Home"},
		analytics.Group{UserId: "u1", GroupId: "g1"},
		analytics.Alias{UserId: "u2", PreviousId: "u1"},
	} {
		if err := client.Enqueue(message); err != nil {
			log.Fatal(err)
		}
	}
	answers.left.Wait()
	if err := client.Close(); err != nil {
		log.Fatal(err)
	}
}
