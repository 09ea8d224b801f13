// HazelcastCycle CLUSTER HOST:PORT...: the median time in microseconds of a cycle of lock and unlock
// by the FencedLock of Hazelcast's Java client, when that has warmed up. hazelcast_bench runs it.
import com.hazelcast.client.HazelcastClient;
import com.hazelcast.client.config.ClientConfig;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.cp.lock.FencedLock;
import java.util.Arrays;

public class HazelcastCycle {
    private static double[] cycles(FencedLock lock, int count) {
        double[] times = new double[count];
        for (int i = 0; i < count; ++i) {
            long begin = System.nanoTime();
            lock.lockAndGetFence();
            lock.unlock();
            times[i] = (System.nanoTime() - begin) / 1000.0;
        }
        return times;
    }

    public static void main(String[] words) {
        ClientConfig config = new ClientConfig();
        config.setClusterName(words[0]);
        config.setProperty("hazelcast.logging.type", "none");
        config.setProperty("hazelcast.phone.home.enabled", "false");
        for (int i = 1; i < words.length; ++i) config.getNetworkConfig().addAddress(words[i]);
        HazelcastInstance client = HazelcastClient.newHazelcastClient(config);
        FencedLock lock = client.getCPSubsystem().getLock("bench:java");
        cycles(lock, 2000);
        double[] times = cycles(lock, 2000);
        Arrays.sort(times);
        System.out.println(times[times.length / 2]);
        client.shutdown();
    }
}
