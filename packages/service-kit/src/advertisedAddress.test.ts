import { expect, test } from '@jest/globals'
import { type AddressSettings, advertisedAddress } from './advertisedAddress.ts'

const none = { HOST: '0.0.0.0', GRPC_ADVERTISED_ADDRESS: undefined, POD_IP: undefined }

test.each<[Partial<AddressSettings>, string]>([
  [{}, '127.0.0.1:9090'],
  [{ HOST: '10.1.2.3' }, '10.1.2.3:9090'],
  [{ HOST: '::' }, '[::1]:9090'],
  [{ POD_IP: '10.42.0.7' }, '10.42.0.7:9090'],
  [{ POD_IP: 'fd00::7' }, '[fd00::7]:9090'],
  [{ POD_IP: '10.42.0.7', GRPC_ADVERTISED_ADDRESS: 'store-1.store' }, 'store-1.store:9090'],
  [{ GRPC_ADVERTISED_ADDRESS: 'store-1.store:19090' }, 'store-1.store:19090'],
  [{ GRPC_ADVERTISED_ADDRESS: 'fd00::7' }, '[fd00::7]:9090'],
  [{ GRPC_ADVERTISED_ADDRESS: '[fd00::7]:19090' }, '[fd00::7]:19090'],
])('with %j the others call %s', (given, address) => {
  expect(advertisedAddress({ ...none, ...given }, 9090)).toBe(address)
})
