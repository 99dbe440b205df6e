import com.segment.analytics.Analytics;
import com.segment.analytics.Callback;
import com.segment.analytics.messages.AliasMessage;
import com.segment.analytics.messages.GroupMessage;
import com.segment.analytics.messages.IdentifyMessage;
import com.segment.analytics.messages.Message;
import com.segment.analytics.messages.PageMessage;
import com.segment.analytics.messages.TrackMessage;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

public class AnalyticsJava {
  public static void main(String[] args) throws Exception {
    CountDownLatch left = new CountDownLatch(5);
    Analytics analytics =
        Analytics.builder(System.getenv("WRITE_KEY"))
            .endpoint(System.getenv("ENDPOINT"))
            .flushInterval(1, TimeUnit.SECONDS)
            .callback(
                new Callback() {
                  @Override
                  public void success(Message message) {
                    left.countDown();
                  }

                  @Override
                  public void failure(Message message, Throwable error) {
                    System.err.println(error);
                    left.countDown();
                  }
                })
            .build();
    analytics.enqueue(
        IdentifyMessage.builder().userId("u1").traits(Map.of("email", "ada@shop.example")));
    analytics.enqueue(
        TrackMessage.builder("Order Completed").userId("u1").properties(Map.of("total", 12.5)));
    analytics.enqueue(PageMessage.builder("Home").userId("u1"));
    analytics.enqueue(GroupMessage.builder("g1").userId("u1"));
    analytics.enqueue(AliasMessage.builder("u1").userId("u2"));
    analytics.flush();
    boolean all = left.await(40, TimeUnit.SECONDS);
    analytics.shutdown();
    System.exit(all ? 0 : 1);
  }
}
