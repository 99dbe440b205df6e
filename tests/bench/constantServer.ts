import { type ServiceDefinition, Server, ServerCredentials } from '@grpc/grpc-js'
import { ProfileServiceService } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'

/** grpc-js that answers the same bytes whatever profile it is asked for: what gRPC costs by itself. */
export async function startConstantServer(bytes: Buffer): Promise<{ port: number; stop(): Promise<void> }> {
  const { getProfile } = ProfileServiceService
  const definition: ServiceDefinition = { getProfile: { ...getProfile, responseSerialize: () => bytes } }
  const server = new Server()
  server.addService(definition, {
    getProfile: (_call: unknown, callback: (error: null, value: object) => void) => callback(null, {}),
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  return { port, stop: async () => server.forceShutdown() }
}
